// Which samples a step trains on: a function of the run's seed and the epoch, so that a resumed run goes on where the
// other stopped.
#pragma once

#include <cstdint>
#include <vector>

#include "train/dataset.h"

namespace newbie {

// Indices of examples; all of one bucket.
using BatchIndices = std::vector<size_t>;

// Each example as often as it repeats, shuffled within its bucket, cut into batches (the last of a bucket may be
// short). In the first epoch batches of the largest buckets come first: what needs most memory is seen at once. In
// later ones their order is drawn.
std::vector<BatchIndices> epoch_batches(const Dataset& dataset, int64_t batch_size, uint64_t seed, int64_t epoch);

}  // namespace newbie
