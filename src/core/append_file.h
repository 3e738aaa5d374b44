// Files that grow while a reader follows them: logs. Defined in files.cpp, the one file layer.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>

namespace newbie {

// Adds the bytes to the end of the file, which is made when it is not there: all of them or none, as what the system
// took of them before it refused is cut off again. Error{BadFile} as of write_file_atomically.
void append_to_file(const std::filesystem::path& path, std::span<const std::byte> bytes);
void append_to_file(const std::filesystem::path& path, std::string_view text);

}  // namespace newbie
