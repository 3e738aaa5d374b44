#include "find_model.h"

#include <cstdlib>

#include "core/error.h"

namespace newbie {

namespace fs = std::filesystem;

std::vector<ModelPlace> model_places(const fs::path& given) {
  std::vector<ModelPlace> places;
  if (!given.empty())
    places.push_back({"--model", given, true});
  else if (const char* set = std::getenv("NEWBIE_MODEL"); set != nullptr && *set != '\0')
    places.push_back({"NEWBIE_MODEL", set, true});
  std::error_code ignored;
  const fs::path program = fs::read_symlink("/proc/self/exe", ignored);
  places.push_back(
      {"beside the program", (program.parent_path() / "../share/newbie/models/avatar").lexically_normal(), false});
  places.push_back({"source tree", fs::path(NEWBIE_SOURCE_DIR) / "models/avatar", false});
  return places;
}

const ModelPlace* chosen_place(const std::vector<ModelPlace>& places) {
  std::error_code ignored;
  for (const ModelPlace& place : places)
    if (place.is_asked_for || fs::is_directory(place.folder, ignored)) return &place;
  return nullptr;
}

ModelPaths find_model(ModelPaths paths) {
  const bool has_parts =
      !paths.transformer.empty() || !paths.text_encoder.empty() || !paths.clip_model.empty() || !paths.vae.empty();
  const std::vector<ModelPlace> places = model_places(paths.folder);
  const ModelPlace* chosen = chosen_place(places);
  if (has_parts && (chosen == nullptr || !chosen->is_asked_for)) return paths;
  if (chosen == nullptr) {
    std::string looked;
    for (const ModelPlace& place : places) looked += (looked.empty() ? "" : " and ") + place.folder.string();
    fail_with_hint(ErrorKind::BadFile, "give --model DIR, or set NEWBIE_MODEL", "no model: looked for {}", looked);
  }
  paths.folder = chosen->folder;
  return paths;
}

fs::path find_clip_model(const ModelPaths& given) {
  const ModelPaths paths = find_model(given);
  if (!paths.clip_model.empty()) return paths.clip_model;
  if (std::error_code ignored; fs::exists(paths.folder / "clip_model", ignored)) return paths.folder / "clip_model";
  return locate_model(paths).paths.clip_model;
}

fs::path encoder_path(const ModelPaths& given, const char* part) {
  const ModelPaths paths = find_model(given);
  const fs::path& own = part == std::string_view("text_encoder") ? paths.text_encoder : paths.clip_model;
  if (!own.empty()) return own;
  if (paths.folder.empty())
    fail_with_hint(ErrorKind::InvalidRequest, "give --model DIR, or the part's own path", "no path for the model's {}",
                   part);
  std::error_code ignored;
  return fs::exists(paths.folder / part, ignored) ? paths.folder / part : paths.folder;
}

}  // namespace newbie
