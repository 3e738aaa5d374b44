// Weights that are no numbers: what damage to a file leaves behind.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/parallel.h"
#include "weights/open_weights.h"

namespace newbie {

struct BadValues {
  std::string tensor;
  size_t index = 0, count = 0;  // the first, row-major, and how many
  std::string value;            // of the first: "NaN", "Inf"
};

// Reads every weight, in the order of the file. `on_progress` is called one at a time. Error{BadFile} when a file
// shrank meanwhile.
std::vector<BadValues> find_bad_values(const OpenedWeights& files, ThreadPool& pool,
                                       const std::function<void(size_t done_bytes, size_t bytes)>& on_progress = {});

}  // namespace newbie
