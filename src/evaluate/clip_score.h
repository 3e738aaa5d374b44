// CLIP scores: how well pictures fit their captions, in the variants that are in use (spec/metrics.md §2), and whether
// one set fits better than another.
#pragma once

#include <optional>

#include "evaluate/features.h"
#include "evaluate/sureness.h"

namespace newbie {

// The cosine of row n of one with row n of the other; 0 where a row has no length. Error{InvalidRequest} unless both
// have the same size.
std::vector<double> row_cosines(const FeatureMatrix& images, const FeatureMatrix& texts);

// A mean, and how sure it is: the interval is bootstrap-t (Efron and Tibshirani 1993, §12.5), resampled means in their
// own standard errors, which skewed values need. None of fewer than kFewestForMean.
struct MeanEstimate {
  size_t n = 0;
  double mean = 0;
  Sureness sureness;
};
MeanEstimate estimate_mean(std::span<const double> values, const BootstrapOptions& options, ThreadPool& pool,
                           const Watch& watch);

// mean(first − second) of pairs: what holds of the same captions, seeds or pictures is taken out. Interval and test are
// Student's. Most differences are next to nothing and a few are large, on either side; resampled, bootstrap-t's errors
// are those of the small ones, and it found differences that are not there (docs/evaluate.md).
MeanEstimate paired_difference(std::span<const double> first, std::span<const double> second,
                               bool wants_interval = true);

struct ClipScore {
  MeanEstimate cosine;
  double torchmetrics = 0;       // max(0, 100 · mean c)
  double clamped = 0;            // mean max(100 · c, 0): the textbook's words for the one above
  double clipscore = 0;          // mean 2.5 · max(c, 0), Hessel et al.
  std::optional<double> logits;  // mean exp(logit_scale) · c
};
ClipScore clip_score(std::span<const double> cosines, std::optional<double> logit_scale,
                     const BootstrapOptions& options, ThreadPool& pool, const Watch& watch);

}  // namespace newbie
