// Fréchet distance of two sets of features, as between Gaussians with their means and covariances (spec/metrics.md
// §1.3; with Inception features: FID).
#pragma once

#include "evaluate/features.h"

namespace newbie {

// ‖μ₁−μ₂‖² + tr Σ₁ + tr Σ₂ − 2 tr (Σ₁Σ₂)^½, with Σ divided by N − 1; double precision throughout.
struct FrechetDistance {
  double value = 0;
  // A set has no more (distinct) rows than dimensions: its covariance is singular. The trace is then taken from the
  // Gram form, which is exact and cheap; the value says little about the distributions behind such sets.
  bool gram = false;
};

// Counts weigh rows as if they were repeated. Errors as of check_sets.
FrechetDistance frechet_distance(const FeatureMatrix& a, const FeatureMatrix& b, const RowCounts& counts_a = {},
                                 const RowCounts& counts_b = {});

}  // namespace newbie
