#include "core/dtype.h"

namespace newbie {

std::string_view to_string(DType dtype) {
  switch (dtype) {
    case DType::F32: return "f32";
    case DType::BF16: return "bf16";
    case DType::F16: return "f16";
    case DType::F64: return "f64";
    case DType::I64: return "i64";
    case DType::I32: return "i32";
    case DType::I8: return "int8";
    case DType::U8: return "u8";
    case DType::F8E4M3: return "f8_e4m3";
    case DType::F8E5M2: return "f8_e5m2";
  }
  return "?";
}

std::optional<DType> find_dtype(std::string_view name) {
  for (DType d : {DType::F32, DType::BF16, DType::F16, DType::F64, DType::I64, DType::I32, DType::I8, DType::U8,
                  DType::F8E4M3, DType::F8E5M2})
    if (name == to_string(d)) return d;
  return std::nullopt;
}

}  // namespace newbie
