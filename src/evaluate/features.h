// Features of many pictures or texts as a matrix: what distances and scores are computed from, whoever made them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/checked.h"

namespace newbie {

// Row-major; `columns` is the feature dimension.
struct FeatureMatrix {
  size_t columns = 0;
  std::vector<float> values;

  size_t rows() const { return columns == 0 ? 0 : values.size() / columns; }
  std::span<const float> row(size_t index) const { return std::span(values).subspan(index * columns, columns); }
};

// The rows named, in that order.
FeatureMatrix select_rows(const FeatureMatrix& features, std::span<const size_t> rows);

// How often each row counts in a bootstrap resample; empty: each once.
using RowCounts = std::vector<uint32_t>;

// Error{InvalidRequest} unless both sets have one dimension, at least 2 rows, counts for every row or none, and finite
// numbers only.
void check_sets(const FeatureMatrix& a, const RowCounts& counts_a, const FeatureMatrix& b, const RowCounts& counts_b);

}  // namespace newbie
