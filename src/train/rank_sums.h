// The samples of a step on several ranks: each computes a part of the tree over them (sum_tree.h), and what they have
// is added pairwise along that tree. So the sum has the same bytes on any number of ranks.
#pragma once

#include <functional>
#include <vector>

#include "train/ranks.h"
#include "train/sum_tree.h"

namespace newbie {

struct SampleSums {
  Tensors32 gradients;         // the sum over all samples
  std::vector<double> losses;  // each sample's
  bool stop = false;           // some rank was asked to
};

// Makes the loss of sample `index` and its gradients.
using ComputeSample = std::function<double(size_t index, Tensors32& gradients)>;

// Called by all ranks with the same `samples` and sizes of tensors (`elements`, one a tensor); all get the same result.
SampleSums sum_samples(Ranks& ranks, size_t samples, const std::vector<size_t>& elements, bool stop,
                       const ComputeSample& compute);

}  // namespace newbie
