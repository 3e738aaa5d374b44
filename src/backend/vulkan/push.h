// What a dispatch hands to its shader beside specialisation constants: words in the order of the shader's Push block.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/error.h"

namespace newbie::vulkan {

constexpr uint32_t kPushBytes = 128;  // what every device has

class Push {
 public:
  Push& address(const std::byte* at) { return add(reinterpret_cast<uint64_t>(at)); }
  Push& count(int64_t value) {
    if (value < 0 || value > INT32_MAX) fail(ErrorKind::Internal, "{} is no count for a shader", value);
    return add(static_cast<uint32_t>(value));
  }
  Push& real(double value) { return add(static_cast<float>(value)); }

  const void* data() const { return bytes_.data(); }
  uint32_t size() const { return static_cast<uint32_t>(used_); }

 private:
  template <typename T>
  Push& add(T value) {
    if (used_ % alignof(T) != 0 || used_ + sizeof(T) > bytes_.size())
      fail(ErrorKind::Internal, "push constants of a shader do not fit");
    std::memcpy(bytes_.data() + used_, &value, sizeof(T));
    used_ += sizeof(T);
    return *this;
  }
  std::array<std::byte, kPushBytes> bytes_{};
  size_t used_ = 0;
};

}  // namespace newbie::vulkan
