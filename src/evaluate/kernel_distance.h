// Kernel distance of two sets of features: the unbiased squared MMD with a cubic polynomial kernel (spec/metrics.md
// §1.5; with Inception features: KID).
#pragma once

#include "evaluate/features.h"
#include "evaluate/resample.h"

namespace newbie {

// 1/(m(m−1)) [Σ_{i≠j} k(x_i,x_j) + Σ_{i≠j} k(y_i,y_j)] − 2/(mn) Σ k(x_i,y_j) with k(x, y) = (x·y/D + 1)³, over all rows
// of both sets; may be below zero. Counts weigh rows as if they were repeated, but a row is never paired with itself:
// that keeps a resampled value unbiased.
double kernel_distance(const FeatureMatrix& a, const FeatureMatrix& b);

// One value for each resample (a pair of counts), in one pass over the kernel's values.
struct ResampledPair {
  RowCounts a, b;
};
std::vector<double> kernel_distances(const FeatureMatrix& a, const FeatureMatrix& b,
                                     std::span<const ResampledPair> resamples, ThreadPool& pool, const Watch& watch);

// KID's own figure: the mean and deviation over random subsets of min(rows of a, rows of b, `most`) rows, without
// replacement inside one. When that is all rows of both sets, every subset is the same and one is computed.
struct SubsetOptions {
  size_t subsets = 100, most = 1000;
  uint64_t seed = 0;
};
struct SubsetDistance {
  Spread over_subsets;
  size_t subsets = 0, rows = 0;
};
SubsetDistance subset_kernel_distance(const FeatureMatrix& a, const FeatureMatrix& b, const SubsetOptions& options,
                                      ThreadPool& pool, const Watch& watch);

}  // namespace newbie
