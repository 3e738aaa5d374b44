#include "train/sum_tree.h"

#include <bit>

#include "core/error.h"

namespace newbie {

namespace {

void add_to(Tensors32& left, const Tensors32& right) {
  if (left.size() != right.size()) fail(ErrorKind::Internal, "sums of {} and of {} tensors", left.size(), right.size());
  for (size_t t = 0; t < left.size(); ++t) {
    if (left[t].size() != right[t].size()) fail(ErrorKind::Internal, "sums of tensors that do not fit");
    for (size_t i = 0; i < left[t].size(); ++i) left[t][i] += right[t][i];
  }
}

}  // namespace

void SumTree::add(Tensors32 sample) {
  ++count_;
  runs_.push_back(std::move(sample));
  levels_.push_back(0);
  while (levels_.size() > 1 && levels_[levels_.size() - 2] == levels_.back()) {
    add_to(runs_[runs_.size() - 2], runs_.back());
    runs_.pop_back();
    levels_.pop_back();
    ++levels_.back();
  }
}

Tensors32 SumTree::take() {
  Tensors32 out;
  if (!runs_.empty()) {
    for (size_t i = runs_.size() - 1; i > 0; --i) add_to(runs_[i - 1], runs_[i]);
    out = std::move(runs_.front());
  }
  runs_.clear();
  levels_.clear();
  count_ = 0;
  return out;
}

double tree_sum(std::span<const double> values) {
  if (values.empty()) return 0.0;
  if (values.size() == 1) return values[0];
  const size_t left = std::bit_floor(values.size() - 1);  // the largest power of two below the count
  return tree_sum(values.first(left)) + tree_sum(values.subspan(left));
}

}  // namespace newbie
