#include "train/batch_order.h"

#include <algorithm>

#include "train/draw.h"

namespace newbie {

namespace {

template <typename T>
void shuffle(std::vector<T>& list, Draw& draw) {
  for (size_t i = list.size(); i > 1; --i) std::swap(list[i - 1], list[draw.below(i)]);
}

}  // namespace

std::vector<BatchIndices> epoch_batches(const Dataset& dataset, int64_t batch_size, uint64_t seed, int64_t epoch) {
  std::vector<std::vector<size_t>> by_bucket(dataset.buckets.size());
  for (size_t i = 0; i < dataset.examples.size(); ++i)
    for (int64_t r = 0; r < dataset.examples[i].repeats; ++r) by_bucket[dataset.examples[i].bucket].push_back(i);
  Draw draw(seed, DrawFor::Order, static_cast<uint64_t>(epoch));
  std::vector<BatchIndices> out;
  for (std::vector<size_t>& indices : by_bucket) {
    shuffle(indices, draw);
    const auto size = static_cast<size_t>(batch_size);
    for (size_t first = 0; first < indices.size(); first += size)
      out.emplace_back(indices.begin() + static_cast<std::ptrdiff_t>(first),
                       indices.begin() + static_cast<std::ptrdiff_t>(std::min(indices.size(), first + size)));
  }
  const auto area = [&](const BatchIndices& b) {
    const PictureSize s = dataset.buckets[dataset.examples[b.front()].bucket];
    return s.width * s.height;
  };
  if (epoch == 0)
    std::stable_sort(out.begin(), out.end(), [&](const auto& a, const auto& b) { return area(a) > area(b); });
  else
    shuffle(out, draw);
  return out;
}

}  // namespace newbie
