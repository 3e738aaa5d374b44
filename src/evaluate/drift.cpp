#include "evaluate/drift.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "core/error.h"
#include "core/float_formats.h"

namespace newbie {

namespace {

template <typename Stored>
std::vector<float> sampled(const std::byte* data, size_t count, size_t most) {
  const size_t taken = std::min(count, most);
  std::vector<float> out(taken);
  for (size_t i = 0; i < taken; ++i) {
    // i · count / taken without its product: counts may be large.
    const size_t at = i * (count / taken) + i * (count % taken) / taken;
    Stored stored;
    std::memcpy(&stored, data + at * sizeof(Stored), sizeof(Stored));
    if constexpr (std::is_same_v<Stored, float>)
      out[i] = stored;
    else
      out[i] = to_float(stored);
  }
  return out;
}

}  // namespace

Drift drift_of(std::span<const float> value, std::span<const float> reference) {
  if (value.size() != reference.size())
    fail(ErrorKind::InvalidRequest, "{} numbers cannot be held against {}", value.size(), reference.size());
  double difference = 0, of_value = 0, of_reference = 0, product = 0;
  Drift out;
  for (size_t i = 0; i < value.size(); ++i) {
    const double v = value[i], r = reference[i];
    if (!std::isfinite(v)) ++out.not_finite;
    difference += (v - r) * (v - r);
    of_value += v * v;
    of_reference += r * r;
    product += v * r;
  }
  if (difference == 0) return out;
  out.relative_error = of_reference > 0 && std::isfinite(difference) ? std::sqrt(difference / of_reference)
                                                                     : std::numeric_limits<double>::infinity();
  out.cosine = product / (std::sqrt(of_value) * std::sqrt(of_reference));
  return out;
}

std::vector<float> sampled_floats(ConstTensorView value, size_t most) {
  const size_t count = value.spec.shape.elements();
  if (count == 0 || most == 0) return {};
  switch (value.spec.dtype) {
    case DType::F32: return sampled<float>(value.data, count, most);
    case DType::BF16: return sampled<bf16_t>(value.data, count, most);
    case DType::F16: return sampled<f16_t>(value.data, count, most);
    default: return {};
  }
}

}  // namespace newbie
