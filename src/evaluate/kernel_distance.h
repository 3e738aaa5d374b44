// Kernel distance of two sets of features: the unbiased squared MMD with a cubic polynomial kernel (spec/metrics.md
// §1.5; with Inception features: KID), and how sure it is.
#pragma once

#include "evaluate/features.h"
#include "evaluate/u_statistic.h"

namespace newbie {

// 1/(m(m−1)) Σ_{i≠j} k(x_i,x_j) + 1/(n(n−1)) Σ_{i≠j} k(y_i,y_j) − 2/(mn) Σ k(x_i,y_j) with k(x, y) = (x·y/D + 1)³, over
// all rows of both sets; may be below zero.
double kernel_distance(const FeatureMatrix& a, const FeatureMatrix& b);

// The same with its interval, and a permutation test of "both sets are draws of one distribution" (Gretton et al.
// 2012): its p is the share of random divisions of all rows that are as far apart.
u_statistic::Estimate kernel_estimate(const FeatureMatrix& a, const FeatureMatrix& b, const BootstrapOptions& options,
                                      ThreadPool& pool, const Watch& watch);

// Row n of both is of the same prompt and seed: mean_{i≠j} of k(x_i,x_j) + k(y_i,y_j) − k(x_i,y_j) − k(x_j,y_i), which
// never holds a picture against its own counterpart (Gretton et al. 2012, equation 4) and so is unbiased whatever pairs
// have in common. The test exchanges the two pictures of random pairs. Error{InvalidRequest} unless both have as many
// rows.
u_statistic::Estimate paired_kernel_estimate(const FeatureMatrix& a, const FeatureMatrix& b,
                                             const BootstrapOptions& options, ThreadPool& pool, const Watch& watch);

// distance(first, reference) − distance(second, reference), rows of the first two as above.
u_statistic::Estimate kernel_difference(const FeatureMatrix& first, const FeatureMatrix& second,
                                        const FeatureMatrix& reference, const BootstrapOptions& options,
                                        ThreadPool& pool, const Watch& watch);

// KID as it is published: the mean and deviation over random subsets of min(rows of a, rows of b, `most`) rows, without
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
