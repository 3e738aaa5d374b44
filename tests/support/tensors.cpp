#include "support/tensors.h"

#include <cstring>
#include <random>

#include "core/error.h"
#include "core/float_formats.h"
#include "core/scaled_weight.h"

namespace newbie::test {

Tensor random_tensor(const Shape& shape, uint64_t seed, float deviation, float mean) {
  std::mt19937_64 engine(seed);
  std::normal_distribution<float> normal(mean, deviation);
  Tensor t{shape, std::vector<float>(shape.elements())};
  for (float& v : t.values) v = normal(engine);
  return t;
}

Tensor as_tensor(const ConstTensorView& view) {
  const size_t count = view.spec.shape.elements();
  Tensor t{view.spec.shape, std::vector<float>(count)};
  if (view.spec.dtype == DType::I32) {
    std::vector<int32_t> ids(count);
    if (count != 0) std::memcpy(ids.data(), view.data, view.spec.bytes());
    t.values.assign(ids.begin(), ids.end());
  } else {
    convert(view.spec.dtype, view.data, DType::F32, reinterpret_cast<std::byte*>(t.values.data()), count);
  }
  return t;
}

std::vector<std::byte> as_bytes(const Tensor& t, DType dtype) {
  std::vector<std::byte> out(t.values.size() * size_of(dtype));
  if (dtype == DType::I32) {
    const std::vector<int32_t> ids(t.values.begin(), t.values.end());
    if (!ids.empty()) std::memcpy(out.data(), ids.data(), out.size());
  } else {
    convert(DType::F32, reinterpret_cast<const std::byte*>(t.values.data()), dtype, out.data(), t.values.size());
  }
  return out;
}

void MemoryWeights::add(const std::string& name, const Tensor& tensor, DType stored) {
  weights_[name] = {{tensor.shape, stored}, as_bytes(tensor, stored)};
}

std::optional<TensorSpec> MemoryWeights::find(std::string_view name) const {
  const auto it = weights_.find(parse_scaled_weight(name).name);
  if (it == weights_.end()) return std::nullopt;
  return it->second.spec;
}

ConstTensorView MemoryWeights::mapped(std::string_view name) const {
  const ScaledWeight weight = parse_scaled_weight(name);
  const auto it = weights_.find(weight.name);
  if (it == weights_.end()) return {};
  return {it->second.spec, weight.is_as_stored() ? it->second.bytes.data() : nullptr};
}

void MemoryWeights::read(std::string_view name, DType dtype, std::byte* destination) const {
  const ScaledWeight weight = parse_scaled_weight(name);
  const auto it = weights_.find(weight.name);
  if (it == weights_.end()) fail(ErrorKind::BadFile, "{}: the test made no such weight", name);
  const auto& [spec, bytes] = it->second;
  std::vector<float> values(spec.shape.elements());
  convert(spec.dtype, bytes.data(), DType::F32, reinterpret_cast<std::byte*>(values.data()), values.size());
  for (float& v : values) v = std::ldexp(v, weight.log2);
  if (!weight.rows.empty()) scale_rows(weight.rows, values.size() / static_cast<size_t>(spec.shape[0]), 0, values);
  convert(DType::F32, reinterpret_cast<const std::byte*>(values.data()), dtype, destination, values.size());
}

}  // namespace newbie::test
