// The SHA-256 of a file's bytes, in hex. Error{BadFile} when it cannot be read.
#pragma once

#include <filesystem>
#include <string>

namespace newbie {

std::string file_sha256(const std::filesystem::path& path);

}  // namespace newbie
