#include "backend/vulkan/kernels/kernels.h"

namespace newbie::vulkan {

std::string refusal(const KernelRequest& request) {
  const auto too_large = [](const TensorSpec& s) { return s.shape.elements() > INT32_MAX; };
  for (const TensorSpec& in : request.inputs)
    if (too_large(in)) return fmt::format("{} has more numbers than 31 bits count", in.shape.str());
  if (too_large(request.output))
    return fmt::format("{} has more numbers than 31 bits count", request.output.shape.str());
  const auto is_number = [](DType d) { return d == DType::F32 || d == DType::BF16 || d == DType::F16; };
  if (request.op->numeric_class == NumericClass::Movement) {
    for (const TensorSpec& in : request.inputs)
      if (in.dtype != request.output.dtype)
        return fmt::format("moves {} into {}, and only casts change a dtype", to_string(in.dtype),
                           to_string(request.output.dtype));
    const size_t size = size_of(request.output.dtype);
    return size == 2 || size == 4 ? std::string() : fmt::format("moves no {}", to_string(request.output.dtype));
  }
  for (size_t i = 0; i < request.inputs.size(); ++i)
    if (!is_number(request.inputs[i].dtype))
      return fmt::format("input {} is {}, expected f32, bf16 or f16", i, to_string(request.inputs[i].dtype));
  if (!is_number(request.output.dtype))
    return fmt::format("result is {}, expected f32, bf16 or f16", to_string(request.output.dtype));
  if (request.precision.compute == DType::I8) return "it multiplies no 8-bit numbers";
  if (request.op->numeric_class != NumericClass::Cast && request.precision.accumulate != DType::F32)
    return fmt::format("it keeps what lies inside an op in f32, not in {}", to_string(request.precision.accumulate));
  return {};
}

std::string refuse_turns(int64_t turns, const Traits& traits) {
  if (traits.most_turns == 0 || turns <= traits.most_turns) return {};
  return fmt::format("loops of {} turns, and this driver leaves them after {}", turns, traits.most_turns);
}

KernelOrNot refuse(std::string why, std::string* why_not) {
  if (why_not != nullptr) *why_not = std::move(why);
  return nullptr;
}

uint32_t dtype_number(DType dtype) { return dtype == DType::F32 ? 0 : dtype == DType::BF16 ? 1 : 2; }

Groups groups_for(int64_t count, int64_t size) {
  constexpr int64_t kGroupsInARow = 32768;  // as shaders/numbers.glsl
  const int64_t groups = ceil_div(count, size);
  return {static_cast<uint32_t>(std::min(groups, kGroupsInARow)),
          static_cast<uint32_t>(ceil_div(groups, kGroupsInARow)), 1};
}

std::vector<uint32_t> unit_constants(const MatrixUnits& units, const MatrixShape& shape) {
  return {4 * units.subgroup, shape.m, shape.n, shape.k};
}

Groups unit_groups(const MatrixShape& shape, int64_t rows, int64_t columns, int64_t batches) {
  return {static_cast<uint32_t>(ceil_div(columns, int64_t{4} * shape.n)),
          static_cast<uint32_t>(ceil_div(rows, int64_t{4} * shape.m)), static_cast<uint32_t>(batches)};
}

}  // namespace newbie::vulkan
