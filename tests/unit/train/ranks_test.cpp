// Sums over ranks: whoever computed what, the bytes are those of one rank. Ranks are threads here.
#include <gmock/gmock.h>

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

#include "train/draw.h"
#include "train/rank_sums.h"

namespace newbie::test {
namespace {

// What goes from one rank to another.
class Post {
 public:
  void send(int from, int to, std::span<const std::byte> bytes) {
    const std::lock_guard lock(mutex_);
    boxes_[{from, to}].emplace_back(bytes.begin(), bytes.end());
    come_.notify_all();
  }
  void receive(int from, int to, std::span<std::byte> bytes) {
    std::unique_lock lock(mutex_);
    auto& box = boxes_[{from, to}];
    come_.wait(lock, [&] { return !box.empty(); });
    ASSERT_EQ(box.front().size(), bytes.size());
    std::ranges::copy(box.front(), bytes.begin());
    box.pop_front();
  }

 private:
  std::mutex mutex_;
  std::condition_variable come_;
  std::map<std::pair<int, int>, std::deque<std::vector<std::byte>>> boxes_;
};

class ThreadRanks final : public Ranks {
 public:
  ThreadRanks(Post& post, int rank, int size) : post_(post), rank_(rank), size_(size) {}
  int rank() const override { return rank_; }
  int size() const override { return size_; }
  void exchange(int peer, std::span<const std::byte> to_peer, std::span<std::byte> from_peer) override {
    if (!to_peer.empty()) post_.send(rank_, peer, to_peer);
    if (!from_peer.empty()) post_.receive(peer, rank_, from_peer);
  }
  void broadcast(std::span<std::byte> bytes) override {
    for (int other = 1; other < size_ && first(); ++other) post_.send(0, other, bytes);
    if (!first()) post_.receive(0, rank_, bytes);
  }

 private:
  Post& post_;
  int rank_, size_;
};

const std::vector<size_t> kElements{7, 1, 130};

double sample(size_t index, Tensors32& gradients) {
  Draw draw(5, DrawFor::Noise, index);
  gradients.clear();
  for (const size_t n : kElements) {
    gradients.emplace_back(n);
    draw.normal(gradients.back());
  }
  return draw.uniform();
}

}  // namespace

TEST(RankSums, AreTheSameOnAnyNumberOfRanks) {
  for (size_t samples = 0; samples <= 13; ++samples) {
    Ranks alone;
    const SampleSums want = sum_samples(alone, samples, kElements, false, sample);
    SumTree tree;
    for (size_t i = 0; i < samples; ++i) {
      Tensors32 gradients;
      EXPECT_EQ(want.losses[i], sample(i, gradients));
      tree.add(std::move(gradients));
    }
    EXPECT_EQ(want.gradients, tree.take());
    for (const int size : {2, 3, 4, 7}) {
      Post post;
      std::vector<SampleSums> got(static_cast<size_t>(size));
      std::atomic<size_t> computed = 0;
      std::vector<std::thread> threads;
      for (int rank = 0; rank < size; ++rank)
        threads.emplace_back([&, rank] {
          ThreadRanks ranks(post, rank, size);
          got[static_cast<size_t>(rank)] =
              sum_samples(ranks, samples, kElements, false, [&](size_t i, Tensors32& gradients) {
                ++computed;
                return sample(i, gradients);
              });
        });
      for (std::thread& t : threads) t.join();
      EXPECT_EQ(computed, samples);  // each by one rank
      for (const SampleSums& one : got) {
        EXPECT_EQ(one.gradients, want.gradients) << samples << " on " << size;
        EXPECT_EQ(one.losses, want.losses);
        EXPECT_FALSE(one.stop);
      }
    }
  }
}

// Ctrl-C reaches one process or all: they stop together.
TEST(RankSums, AWishToStopReachesAll) {
  for (int asked = 0; asked < 4; ++asked) {
    Post post;
    std::vector<int> stopped(4);
    std::vector<std::thread> threads;
    for (int rank = 0; rank < 4; ++rank)
      threads.emplace_back([&, rank] {
        ThreadRanks ranks(post, rank, 4);
        stopped[static_cast<size_t>(rank)] = sum_samples(ranks, 4, kElements, rank == asked, sample).stop ? 1 : 0;
      });
    for (std::thread& t : threads) t.join();
    EXPECT_THAT(stopped, testing::Each(1)) << asked;
  }
}

}  // namespace newbie::test
