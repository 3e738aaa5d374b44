#include "adapters/adapter.h"

#include <algorithm>
#include <memory>

#include "core/checked.h"
#include "core/error.h"

namespace newbie {

std::string_view to_string(AdapterPart part) {
  return part == AdapterPart::Transformer ? "transformer" : "text_encoder";
}

std::string_view to_string(ChangeKind kind) {
  switch (kind) {
    case ChangeKind::LowRank: return "LoRA";
    case ChangeKind::Kronecker: return "LoKr";
    case ChangeKind::Hadamard: return "LoHa";
    case ChangeKind::Difference: return "difference";
    case ChangeKind::Replacement: return "replacement";
  }
  return "unknown";
}

AdapterBase adapter_base(const WeightStore& transformer, const NextDitConfig& sizes, const WeightStore* text_encoder) {
  AdapterBase base{.q_rows = sizes.heads * sizes.head_size, .kv_rows = sizes.kv_heads * sizes.head_size};
  for (const std::string& name : transformer.names()) base.transformer.emplace(name, transformer.find(name)->shape);
  if (text_encoder != nullptr)
    for (const std::string& name : text_encoder->names())
      base.text_encoder.emplace(name, text_encoder->find(name)->shape);
  return base;
}

int64_t AdapterChange::rank() const {
  if (kind == ChangeKind::LowRank) return factors[0].spec.shape[0];
  return kind == ChangeKind::Hadamard ? factors[1].spec.shape[0] : 0;
}

AdapterChange low_rank_change(AdapterPart part, std::string weight, const Shape& shape, DerivedTensor down,
                              DerivedTensor up, double alpha) {
  const Shape& a = down.spec.shape;
  const Shape& b = up.spec.shape;
  if (shape.rank() != 2 || a.rank() != 2 || b.rank() != 2 || a[0] < 1 || a[0] != b[1] || a[1] != shape[1] ||
      b[0] != shape[0])
    fail(ErrorKind::Internal, "{}: factors {} and {} do not fit a weight of {}", weight, a.str(), b.str(), shape.str());
  const auto rank = static_cast<double>(a[0]);
  AdapterChange change{.part = part, .weight = std::move(weight), .shape = shape, .rows = shape[0]};
  change.factors = {std::move(down), std::move(up)};
  change.scale = alpha / rank;
  change.key = change.weight;
  return change;
}

DerivedTensor held_tensor(const Shape& shape, std::vector<float> values) {
  if (values.size() != shape.elements())
    fail(ErrorKind::Internal, "{} values for a tensor of {}", values.size(), shape.str());
  const auto held = std::make_shared<const std::vector<float>>(std::move(values));
  return {.spec = {shape, DType::F32}, .fill = [held](size_t first, std::span<float> out) {
            std::copy_n(held->data() + first, out.size(), out.data());
          }};
}

DerivedTensor viewed_tensor(const Shape& shape, std::span<const float> values) {
  if (values.size() != shape.elements())
    fail(ErrorKind::Internal, "{} values for a tensor of {}", values.size(), shape.str());
  return {.spec = {shape, DType::F32}, .fill = [values](size_t first, std::span<float> out) {
            std::copy_n(values.data() + first, out.size(), out.data());
          }};
}

std::vector<float> values_of(const DerivedTensor& tensor) {
  std::vector<float> values(tensor.spec.shape.elements());
  if (!values.empty()) tensor.fill(0, values);
  return values;
}

DerivedTensor rows_of(const DerivedTensor& tensor, int64_t first, int64_t count) {
  const Shape& shape = tensor.spec.shape;
  if (shape.rank() < 1 || first < 0 || count < 0 || first > shape[0] - count)
    fail(ErrorKind::Internal, "rows {} to {} of a tensor of {}", first, first + count, shape.str());
  if (first == 0 && count == shape[0]) return tensor;
  std::vector<int64_t> extents(shape.extents().begin(), shape.extents().end());
  extents[0] = count;
  const size_t row = shape[0] == 0 ? 0 : shape.elements() / static_cast<size_t>(shape[0]);
  DerivedTensor part = tensor;
  part.spec.shape = Shape(extents);
  part.fill = [fill = tensor.fill, skipped = checked_mul(static_cast<size_t>(first), row)](
                  size_t at, std::span<float> out) { fill(skipped + at, out); };
  return part;
}

}  // namespace newbie
