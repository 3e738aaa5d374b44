// A distance of two sets with what is needed to judge it: how far it moves by chance, and how far apart two halves of
// one set are.
#pragma once

#include <optional>

#include "evaluate/frechet.h"
#include "evaluate/kernel_distance.h"
#include "evaluate/resample.h"

namespace newbie {

struct DistanceOptions {
  size_t resamples = 200;  // bootstrap; 0: no interval
  size_t splits = 10;      // of the second set into halves, for the baseline; 0: none
  uint64_t seed = 0;
  SubsetOptions subsets;  // of the kernel distance
};

// Both sets are resampled with replacement. A resample has fewer distinct rows, so its distance is biased: `interval`
// holds the resampled values less that bias, around `value`; it is the spread at this N, without the bias of N itself.
struct SetDistance {
  double value = 0;
  std::optional<Interval> interval;
  double resampled_bias = 0;  // mean of the resampled values − value
  std::optional<Spread> split_half;
  size_t half_rows = 0;  // of each half
  size_t rows_a = 0, rows_b = 0, dimension = 0;
  bool gram = false;      // FrechetDistance::gram
  SubsetDistance subset;  // of the kernel distance; `value` is its mean
};

// `watch` counts resamples and splits together, or for the kernel distance rows. Errors as of check_sets.
SetDistance frechet_report(const FeatureMatrix& a, const FeatureMatrix& b, const DistanceOptions& options,
                           ThreadPool& pool, const Watch& watch);
SetDistance kernel_report(const FeatureMatrix& a, const FeatureMatrix& b, const DistanceOptions& options,
                          ThreadPool& pool, const Watch& watch);

}  // namespace newbie
