// SHA-256 of bytes that arrive in pieces.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace newbie {

class Sha256 {
 public:
  Sha256();
  void add(std::span<const std::byte> bytes);
  void add(uint64_t value);  // as eight bytes, little-endian
  std::string hex();         // of everything added, lowercase; nothing may be added afterwards

 private:
  struct Free {
    void operator()(void* context) const;
  };
  std::unique_ptr<void, Free> context_;
};

}  // namespace newbie
