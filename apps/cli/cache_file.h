// Where the program keeps what it would otherwise measure or read again.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace newbie {

// newbie/NAME in $XDG_CACHE_HOME, or .cache of $HOME; nothing without a home.
std::optional<std::filesystem::path> cache_file(const std::string& name);

}  // namespace newbie
