// A distance of two sets with what is needed to judge it: how far it moves by chance, and how far apart two halves of
// one set are.
#pragma once

#include <optional>

#include "evaluate/frechet.h"
#include "evaluate/kernel_distance.h"
#include "evaluate/sureness.h"

namespace newbie {

struct DistanceOptions {
  size_t resamples = 1000;  // 0: no interval
  size_t splits = 10;       // of the second set into halves, for the baseline; 0: none
  uint64_t seed = 0;
  SubsetOptions subsets;  // of the kernel distance
};

// Whether row n of both sets is of the same prompt and seed. Then rows are drawn and divided together, and what pairs
// have in common is no distance.
enum class Sets { Independent, Paired };

// The Fréchet distance rises as rows become fewer, so its interval is of what it is on average at this N, and beside it
// stands where it goes with more. The kernel distance has no bias, and a test of "no difference" of its own. Distances
// of pairs have no interval, which none of those tried deserved (docs/evaluate.md), and a test that exchanges the two
// pictures of random pairs.
struct SetDistance {
  double value = 0;
  Sureness sureness;
  std::optional<double> extrapolated;  // Fréchet: to N → ∞, along 1 / N (Chong and Forsyth 2020)
  std::optional<Spread> split_half;
  size_t half_rows = 0;  // of each half
  size_t rows_a = 0, rows_b = 0, dimension = 0;
  bool gram = false;      // FrechetDistance::gram
  SubsetDistance subset;  // of the kernel distance of independent sets, as it is published
};

// `watch` counts parts of the work, each from its beginning. Errors as of check_sets; Error{InvalidRequest} for paired
// sets of different sizes.
SetDistance frechet_report(const FeatureMatrix& a, const FeatureMatrix& b, Sets sets, const DistanceOptions& options,
                           ThreadPool& pool, const Watch& watch);
SetDistance kernel_report(const FeatureMatrix& a, const FeatureMatrix& b, Sets sets, const DistanceOptions& options,
                          ThreadPool& pool, const Watch& watch);

}  // namespace newbie
