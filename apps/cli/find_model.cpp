#include "find_model.h"

#include <cstdlib>

#include "core/error.h"

namespace newbie {

namespace fs = std::filesystem;

ModelPaths find_model(ModelPaths paths) {
  if (!paths.folder.empty()) return paths;
  if (const char* set = std::getenv("NEWBIE_MODEL"); set != nullptr && *set != '\0') {
    paths.folder = set;
    return paths;
  }
  if (!paths.transformer.empty() || !paths.text_encoder.empty() || !paths.clip_model.empty() || !paths.vae.empty())
    return paths;

  std::error_code ignored;
  const fs::path program = fs::read_symlink("/proc/self/exe", ignored);
  const fs::path places[] = {(program.parent_path() / "../share/newbie/models/avatar").lexically_normal(),
                             fs::path(NEWBIE_SOURCE_DIR) / "models/avatar"};
  for (const fs::path& place : places) {
    if (!fs::is_directory(place, ignored)) continue;
    paths.folder = place;
    return paths;
  }
  fail_with_hint(ErrorKind::BadFile, "give --model DIR, or set NEWBIE_MODEL", "no model: looked for {} and {}",
                 places[0].string(), places[1].string());
}

}  // namespace newbie
