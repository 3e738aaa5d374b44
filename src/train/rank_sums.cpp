#include "train/rank_sums.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace newbie {

namespace {

// Samples [first, last) of a step, on ranks [from, to).
struct SampleRange {
  size_t first = 0, last = 0;
  int from = 0, to = 1;
};

class StepOfRanks {
 public:
  StepOfRanks(Ranks& ranks, const std::vector<size_t>& elements, SampleSums& out, const ComputeSample& compute)
      : ranks_(ranks), elements_(elements), out_(out), compute_(compute) {}

  // Afterwards rank p.from has the sum of the part.
  void run(const SampleRange& p) {
    const int rank = ranks_.rank();
    const size_t count = p.last - p.first;
    if (count <= 1 || p.to - p.from == 1) {
      if (rank == p.from) compute(p);
      return;
    }
    const size_t cut = p.first + std::bit_floor(count - 1);  // as the tree is cut
    const int middle = p.from + (p.to - p.from + 1) / 2;
    run(rank < middle ? SampleRange{p.first, cut, p.from, middle} : SampleRange{cut, p.last, middle, p.to});
    if (rank == middle) ranks_.exchange(p.from, packed(), {});
    if (rank == p.from) {
      std::vector<std::byte> theirs(packed_bytes());
      ranks_.exchange(middle, {}, theirs);
      add(theirs, cut, p.last);
    }
  }

  // What the first rank has goes to all.
  void spread() {
    std::vector<std::byte> bytes = ranks_.first() ? packed() : std::vector<std::byte>(packed_bytes());
    ranks_.broadcast(bytes);
    if (!ranks_.first()) unpack(bytes);
  }

 private:
  void compute(const SampleRange& p) {
    SumTree tree;
    for (size_t i = p.first; i < p.last; ++i) {
      Tensors32 gradients;
      out_.losses[i] = compute_(i, gradients);
      tree.add(std::move(gradients));
    }
    out_.gradients = tree.take();
  }

  // Gradients, losses of all samples (those of other parts are not looked at), and the wish to stop.
  size_t packed_bytes() const {
    size_t out = out_.losses.size() * sizeof(double) + 1;
    for (const size_t n : elements_) out += n * sizeof(float);
    return out;
  }
  std::vector<std::byte> packed() const {
    std::vector<std::byte> out(packed_bytes());
    std::byte* at = out.data();
    const auto put = [&](const void* from, size_t bytes) {
      std::memcpy(at, from, bytes);
      at += bytes;
    };
    for (const auto& tensor : out_.gradients) put(tensor.data(), tensor.size() * sizeof(float));
    put(out_.losses.data(), out_.losses.size() * sizeof(double));
    const std::byte stop{static_cast<unsigned char>(out_.stop)};
    put(&stop, 1);
    return out;
  }
  // The right part of a sum, of samples [first, last).
  void add(const std::vector<std::byte>& theirs, size_t first, size_t last) {
    const std::byte* at = theirs.data();
    for (auto& tensor : out_.gradients)
      for (float& x : tensor) {
        float y = 0;
        std::memcpy(&y, at, sizeof(float));
        x += y;
        at += sizeof(float);
      }
    std::memcpy(out_.losses.data() + first, at + first * sizeof(double), (last - first) * sizeof(double));
    out_.stop = out_.stop || theirs.back() != std::byte{0};
  }
  void unpack(const std::vector<std::byte>& bytes) {
    const std::byte* at = bytes.data();
    out_.gradients.resize(elements_.size());
    for (size_t i = 0; i < elements_.size(); ++i) {
      out_.gradients[i].resize(elements_[i]);
      std::memcpy(out_.gradients[i].data(), at, elements_[i] * sizeof(float));
      at += elements_[i] * sizeof(float);
    }
    std::memcpy(out_.losses.data(), at, out_.losses.size() * sizeof(double));
    out_.stop = bytes.back() != std::byte{0};
  }

  Ranks& ranks_;
  const std::vector<size_t>& elements_;
  SampleSums& out_;
  const ComputeSample& compute_;
};

}  // namespace

SampleSums sum_samples(Ranks& ranks, size_t samples, const std::vector<size_t>& elements, bool stop,
                       const ComputeSample& compute) {
  SampleSums out{.gradients = {}, .losses = std::vector<double>(samples), .stop = stop};
  const std::vector<size_t> nothing;
  StepOfRanks step(ranks, samples == 0 ? nothing : elements, out, compute);
  step.run({0, samples, 0, ranks.size()});
  if (ranks.size() > 1) step.spread();
  return out;
}

}  // namespace newbie
