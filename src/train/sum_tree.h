// Sums over the samples of a step in a fixed binary tree over their index: whoever computed them, in whatever batches,
// the sum has the same bytes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace newbie {

// What is summed: one list of numbers a tensor.
using Tensors32 = std::vector<std::vector<float>>;

// Samples come in the order of their index. The first 2^k of a run of 2^(k+1) are added to the other half; what is left
// at the end of a count that is no power of two is added from the shortest run on. Holds one sum a level.
class SumTree {
 public:
  void add(Tensors32 sample);
  // The sum of all; empty without samples. The tree is empty then.
  Tensors32 take();
  int64_t count() const { return count_; }

 private:
  std::vector<Tensors32> runs_;  // of falling length
  std::vector<int> levels_;
  int64_t count_ = 0;
};

// The same tree over single numbers.
double tree_sum(std::span<const double> values);

}  // namespace newbie
