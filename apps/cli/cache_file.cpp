#include "cache_file.h"

#include <cstdlib>

namespace newbie {

std::optional<std::filesystem::path> cache_file(const std::string& name) {
  const auto set = [](const char* variable) -> std::optional<std::filesystem::path> {
    const char* value = std::getenv(variable);
    if (value == nullptr || *value != '/') return std::nullopt;  // relative ones are to be ignored
    return value;
  };
  if (const auto cache = set("XDG_CACHE_HOME")) return *cache / "newbie" / name;
  if (const auto home = set("HOME")) return *home / ".cache/newbie" / name;
  return std::nullopt;
}

}  // namespace newbie
