#include "evaluate/features.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace newbie {

namespace {

void check_set(const FeatureMatrix& set, const RowCounts& counts) {
  if (set.columns == 0 || set.values.size() % set.columns != 0)
    fail(ErrorKind::InvalidRequest, "features: {} values do not make rows of {}", set.values.size(), set.columns);
  if (!counts.empty() && counts.size() != set.rows())
    fail(ErrorKind::InvalidRequest, "features: {} counts for {} rows", counts.size(), set.rows());
  if (set.rows() < 2) fail(ErrorKind::InvalidRequest, "a set of {} has no spread: expected 2 or more", set.rows());
}

void check_finite(const FeatureMatrix& set) {
  const auto bad = std::ranges::find_if(set.values, [](float v) { return !std::isfinite(v); });
  if (bad != set.values.end())
    fail(ErrorKind::InvalidRequest, "features: row {} has a value that is not finite",
         static_cast<size_t>(bad - set.values.begin()) / set.columns);
}

}  // namespace

FeatureMatrix select_rows(const FeatureMatrix& features, std::span<const size_t> rows) {
  FeatureMatrix out{.columns = features.columns, .values = {}};
  out.values.reserve(checked_mul(rows.size(), features.columns));
  for (const size_t r : rows) {
    const auto row = features.row(r);
    out.values.insert(out.values.end(), row.begin(), row.end());
  }
  return out;
}

void check_sets(const FeatureMatrix& a, const RowCounts& counts_a, const FeatureMatrix& b, const RowCounts& counts_b) {
  check_set(a, counts_a);
  check_set(b, counts_b);
  if (a.columns != b.columns)
    fail(ErrorKind::InvalidRequest, "features of {} and of {} numbers cannot be compared", a.columns, b.columns);
  check_finite(a);
  check_finite(b);
}

}  // namespace newbie
