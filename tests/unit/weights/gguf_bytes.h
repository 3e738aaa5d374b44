// GGUF bytes put together by hand, so that they can break any rule.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace newbie {

inline std::string gguf_number(uint64_t value, size_t bytes) {
  std::string out;
  for (size_t i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 0xFFU);
  return out;
}
inline std::string gguf_text(std::string_view text) { return gguf_number(text.size(), 8).append(text); }

inline std::string gguf_begin(uint64_t tensors, uint64_t keys) {
  return "GGUF" + gguf_number(3, 4) + gguf_number(tensors, 8) + gguf_number(keys, 8);
}

}  // namespace newbie
