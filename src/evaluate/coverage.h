// How often intervals hold the truth and tests find what is there, by simulation: sets are drawn again and again from a
// population whose truth is known, and judged by the code that judges pictures.
#pragma once

#include <string>
#include <vector>

#include "evaluate/features.h"
#include "evaluate/resample.h"

namespace newbie {

// A population: pictures, the same pictures changed a little, and a score of each. Rows belong together.
struct Population {
  FeatureMatrix pictures, changed;
  std::vector<double> scores, changed_scores;
};

struct CoverageOptions {
  std::vector<size_t> sizes{20, 64, 256};
  size_t repetitions = 400;
  size_t resamples = 300;          // of each interval; published ones have 1000 and more
  size_t frechet_repetitions = 0;  // 0: as the others; the Fréchet distance takes the most time
  double tilt = 1;  // how much more likely the other population's pictures are, in logarithms a deviation
  uint64_t seed = 0;
};

struct CoverageRow {
  std::string what;
  size_t n = 0;
  size_t repetitions = 0;
  double truth = 0;               // what the interval is of
  double deviation = 0;           // of the estimates
  struct Intervals {              // shares of them
    double covered = 0;           // that hold it
    double below = 0, above = 0;  // that lie above it, and below
  };
  std::optional<Intervals> intervals;  // of an estimate that has any
  std::optional<double> found;         // share that a difference was found in: 5 % where there is none, else the power
  bool has_difference = false;         // of `found`
};

// Every interval and every test at every size. Draws are with replacement, so the population itself is the truth: the
// kernel distance's exactly, means exactly; the Fréchet distance's expectation at each N is the mean of 1,000 draws.
// Where pairs have no difference, the pictures of random pairs are exchanged. Error{InvalidRequest} unless all have as
// many rows.
std::vector<CoverageRow> simulate_coverage(const Population& population, const CoverageOptions& options,
                                           ThreadPool& pool, const Watch& watch);

}  // namespace newbie
