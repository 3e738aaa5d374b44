// Tensors that are made row by row, read in any cut: DerivedTensor::fill from a function of whole rows.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

namespace newbie {

// rows(first, count, out) writes `count` rows of `columns` elements. Rows that a cut goes through are made whole.
std::function<void(size_t first, std::span<float> out)> fill_by_rows(
    int64_t columns, std::function<void(int64_t first, int64_t count, float* out)> rows);

}  // namespace newbie
