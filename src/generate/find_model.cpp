#include "generate/find_model.h"

#include <dlfcn.h>

#include <cstdlib>

#include "core/error.h"

namespace newbie {

namespace fs = std::filesystem;

namespace {

// The file this code lies in: the program, or the shared library that took it in.
fs::path own_module() {
  std::error_code ignored;
  const fs::path program = fs::read_symlink("/proc/self/exe", ignored);
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&own_module), &info) == 0 || info.dli_fname == nullptr) return program;
  // A program's name is what it was called by, which may be a word of PATH: a library's is always a path.
  const fs::path found = fs::canonical(info.dli_fname, ignored);
  return ignored || found.filename().string().find(".so") == std::string::npos ? program : found;
}

}  // namespace

std::vector<ModelPlace> model_places(const fs::path& given) { return model_places(given, own_module()); }

std::vector<ModelPlace> model_places(const fs::path& given, const fs::path& module) {
  std::vector<ModelPlace> places;
  if (!given.empty())
    places.push_back({"given", given, true});
  else if (const char* set = std::getenv("NEWBIE_MODEL"); set != nullptr && *set != '\0')
    places.push_back({"NEWBIE_MODEL", set, true});
  const fs::path folder = module.parent_path();
  for (const char* up : {"..", "../.."})  // bin and lib; lib/<machine>, as Debian has it
    places.push_back({"installed", (folder / up / "share/newbie/models/avatar").lexically_normal(), false});
  // A build folder of a source tree, build/<preset>, or a folder in it.
  for (fs::path above = folder; above.has_relative_path(); above = above.parent_path())
    if (above.parent_path().filename() == "build") {
      places.push_back({"source tree", above.parent_path().parent_path() / "models/avatar", false});
      break;
    }
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
    fail_with_hint(ErrorKind::BadFile, "say where the model is, or set NEWBIE_MODEL", "no model: looked for {}",
                   looked);
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
    fail_with_hint(ErrorKind::InvalidRequest, "say where the model's folder is, or the part itself",
                   "no path for the model's {}", part);
  std::error_code ignored;
  return fs::exists(paths.folder / part, ignored) ? paths.folder / part : paths.folder;
}

}  // namespace newbie
