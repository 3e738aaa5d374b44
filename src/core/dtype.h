// Element types of tensors in memory and in files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace newbie {

enum class DType : uint8_t {
  F32,     // reference precision, accumulators, residual streams, everything small
  BF16,    // the native dtype of the model family: float32's range in half the bytes
  F16,     // read from files; as a compute type it overflows in this model family
  F64,     // read from files only
  I64,     // read from files only
  I32,     // token ids
  I8,      // quantised weights
  U8,      // pixels, raw bytes
  F8E4M3,  // read from files only: 4 exponent bits, 3 of mantissa, no infinity ("e4m3fn")
  F8E5M2,  // read from files only: 5 exponent bits, 2 of mantissa
};

constexpr size_t size_of(DType dtype) {
  switch (dtype) {
    case DType::F64:
    case DType::I64: return 8;
    case DType::F32:
    case DType::I32: return 4;
    case DType::BF16:
    case DType::F16: return 2;
    case DType::I8:
    case DType::U8:
    case DType::F8E4M3:
    case DType::F8E5M2: return 1;
  }
  return 0;
}

constexpr bool is_f8(DType dtype) { return dtype == DType::F8E4M3 || dtype == DType::F8E5M2; }

constexpr bool is_float(DType dtype) {
  return dtype == DType::F32 || dtype == DType::BF16 || dtype == DType::F16 || dtype == DType::F64 || is_f8(dtype);
}

std::string_view to_string(DType dtype);                 // "f32", "bf16", …
std::optional<DType> find_dtype(std::string_view name);  // accepts the names above

}  // namespace newbie
