// Whether one set of pictures is nearer to a reference than another that was drawn from the same prompts and seeds.
#pragma once

#include "evaluate/features.h"
#include "evaluate/sureness.h"

namespace newbie {

// distance(first, reference) − distance(second, reference). Row n of both sets is of the same prompt and seed: both are
// drawn and divided alike, and so is the reference, which takes out of the interval what they have in common.
struct PairedDistance {
  double difference = 0;
  Sureness sureness;
};

// Error{InvalidRequest} unless both sets have as many rows, and as of check_sets.
PairedDistance paired_frechet_distance(const FeatureMatrix& first, const FeatureMatrix& second,
                                       const FeatureMatrix& reference, const BootstrapOptions& options,
                                       ThreadPool& pool, const Watch& watch);
PairedDistance paired_kernel_distance(const FeatureMatrix& first, const FeatureMatrix& second,
                                      const FeatureMatrix& reference, const BootstrapOptions& options, ThreadPool& pool,
                                      const Watch& watch);

}  // namespace newbie
