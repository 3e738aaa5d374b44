#include "core/dtype.h"

#include <utility>

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

namespace {

// What other programs call them.
constexpr std::pair<std::string_view, DType> kOtherNames[] = {
    {"float32", DType::F32},   {"fp32", DType::F32},    {"float", DType::F32},  {"single", DType::F32},
    {"bfloat16", DType::BF16}, {"float16", DType::F16}, {"fp16", DType::F16},   {"half", DType::F16},
    {"float64", DType::F64},   {"fp64", DType::F64},    {"double", DType::F64}, {"i8", DType::I8}};

}  // namespace

std::optional<DType> find_dtype(std::string_view name) {
  for (const auto& [other, dtype] : kOtherNames)
    if (name == other) return dtype;
  for (DType d : {DType::F32, DType::BF16, DType::F16, DType::F64, DType::I64, DType::I32, DType::I8, DType::U8,
                  DType::F8E4M3, DType::F8E5M2})
    if (name == to_string(d)) return d;
  return std::nullopt;
}

}  // namespace newbie
