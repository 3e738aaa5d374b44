// Drift: how far numbers computed in one precision are from those of another, value by value.
#pragma once

#include <span>
#include <vector>

#include "core/tensor.h"

namespace newbie {

struct Drift {
  double relative_error = 0;  // ‖value − reference‖ / ‖reference‖; infinite when the value has no finite length
  double cosine = 1;          // NaN when either has no direction
  size_t not_finite = 0;      // elements of the value that are NaN or infinite
};

// Error{InvalidRequest} unless both have the same length. Two empty or equal values have no drift.
Drift drift_of(std::span<const float> value, std::span<const float> reference);

// Elements of a float tensor, in f32: all, or `most` of them evenly spaced, always the same ones for one shape.
// Empty for other dtypes.
std::vector<float> sampled_floats(ConstTensorView value, size_t most);

}  // namespace newbie
