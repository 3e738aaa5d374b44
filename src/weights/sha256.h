// SHA-256 of bytes that arrive in pieces.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace newbie {

class Sha256 {
 public:
  void add(std::span<const std::byte> bytes);
  void add(uint64_t value);  // as eight bytes, little-endian
  std::string hex();         // of everything added, lowercase; nothing may be added afterwards

  // Whether this CPU has instructions for it; the other way is there for tests.
  static bool has_instructions();
  void use_instructions(bool on) { instructions_ = on && has_instructions(); }

 private:
  static constexpr size_t kBlockBytes = 64;

  void take_blocks(const std::byte* bytes, size_t blocks);

  std::array<uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::byte, kBlockBytes> waiting_{};
  uint64_t total_bytes_ = 0;
  bool instructions_ = has_instructions();
};

// Of bytes that are all there.
std::string sha256_of(std::span<const std::byte> bytes);

}  // namespace newbie
