// Test files: safetensors bytes put together by hand, so that they can break any rule.
#pragma once

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>

#include "weights/formats/safetensors.h"

namespace newbie {

// Length, header and data, with the true header length unless another is given.
inline std::string safetensors_bytes(std::string_view header, std::string_view data, uint64_t length) {
  std::string file;
  for (size_t i = 0; i < 8; ++i) file += static_cast<char>(length >> (8 * i) & 0xFFu);
  return file.append(header).append(data);
}
inline std::string safetensors_bytes(std::string_view header, std::string_view data = {}) {
  return safetensors_bytes(header, data, header.size());
}

inline void put_file(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

inline SafetensorsHeader parse_bytes(std::string_view file) {
  return parse_safetensors_header(std::as_bytes(std::span(file)), "x.safetensors");
}

inline std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace newbie
