#include "weights/low_rank_merge.h"

#include <gtest/gtest.h>

#include <cmath>
#include <deque>
#include <filesystem>
#include <limits>
#include <random>

#include "unit/core/expect_error.h"
#include "unit/core/temporary_folder.h"
#include "weights/open_weights.h"
#include "weights/safetensors_writer.h"

namespace newbie {
namespace {

struct Made {
  std::vector<float> values;
  NamedTensor named;
};

class LowRankMerge : public testing::Test {
 protected:
  const std::vector<float>& make(const char* name, Shape shape) {
    std::vector<float> values(shape.elements());
    for (float& value : values) value = normal_(random_);
    made_.push_back({std::move(values), {}});
    Made& made = made_.back();
    made.named = {name, {{shape, DType::F32}, reinterpret_cast<const std::byte*>(made.values.data())}};
    return made.values;
  }

  DerivedTensor merge(LowRankKind kind, float scale) {
    std::vector<NamedTensor> tensors;
    for (const Made& made : made_) tensors.push_back(made.named);
    write_safetensors(folder_ / "m.safetensors", tensors);
    opened_ = open_weights(folder_ / "m.safetensors");
    return low_rank_merge(*opened_.find("w"), *opened_.find("a"), *opened_.find("b"), kind, scale);
  }

  // Every element against W + scale · L·R in double: `left` [rows, rank], `right` [rank, columns].
  void expect_merged(const DerivedTensor& merged, const std::vector<float>& weight, const float* left,
                     const float* right, size_t rank, double scale) {
    const auto rows = static_cast<size_t>(merged.spec.shape[0]);
    const auto columns = static_cast<size_t>(merged.spec.shape[1]);
    std::vector<float> whole(rows * columns);
    merged.fill(0, whole);
    for (size_t r = 0; r < rows; ++r) {
      for (size_t c = 0; c < columns; ++c) {
        double exact = weight[r * columns + c];
        double magnitude = std::abs(exact);
        for (size_t k = 0; k < rank; ++k) {
          const double term =
              scale * static_cast<double>(left[r * rank + k]) * static_cast<double>(right[k * columns + c]);
          exact += term;
          magnitude += std::abs(term);
        }
        const double bound = static_cast<double>(rank + 3) * std::numeric_limits<float>::epsilon() * magnitude;
        ASSERT_NEAR(whole[r * columns + c], exact, bound) << r << ", " << c;
      }
    }
    // Any cut gives the same bytes.
    for (const size_t first : {size_t{0}, size_t{1}, columns - 1, columns, columns + 1, rows * columns / 2})
      for (const size_t count : {size_t{1}, columns - 1, columns, 2 * columns + 1}) {
        std::vector<float> piece(std::min(count, whole.size() - first));
        merged.fill(first, piece);
        ASSERT_TRUE(std::equal(piece.begin(), piece.end(), whole.begin() + static_cast<std::ptrdiff_t>(first)))
            << first << " + " << count;
      }
  }

  TemporaryFolder folder_;
  std::mt19937 random_{7};
  std::normal_distribution<float> normal_;
  std::deque<Made> made_;
  OpenedWeights opened_;
};

TEST_F(LowRankMerge, LinearAddsBTimesA) {
  const auto& w = make("w", {6, 5});
  const auto& a = make("a", {2, 3, 5});  // two adapters: the first counts
  const auto& b = make("b", {2, 6, 3});
  expect_merged(merge(LowRankKind::Linear, 0.5F), w, b.data(), a.data(), 3, 0.5);
}

TEST_F(LowRankMerge, EmbeddingAddsATimesB) {
  const auto& w = make("w", {7, 4});
  const auto& a = make("a", {1, 7, 2});
  const auto& b = make("b", {1, 2, 4});
  expect_merged(merge(LowRankKind::Embedding, 1.0F), w, a.data(), b.data(), 2, 1.0);
}

TEST_F(LowRankMerge, RefusesShapesThatDoNotFit) {
  const struct {
    Shape w, a, b;
    const char* part;
  } cases[] = {
      {{6, 5}, {1, 3, 5}, {1, 7, 3}, "tensor 'b': expected 6 rows"},
      {{6, 5}, {1, 3, 4}, {1, 6, 3}, "tensor 'a': expected 5 columns"},
      {{6, 5}, {1, 3, 5}, {1, 6, 2}, "tensor 'b': expected rank 3"},
      {{6, 5}, {0, 3, 5}, {1, 6, 3}, "tensor 'a': expected [adapters, rank, columns], got [0, 3, 5]"},
      {{6, 5}, {3, 5}, {6, 3}, "tensor 'b': expected [adapters, rows, rank], got [6, 3]"},
      {{6, 5, 1}, {1, 3, 5}, {1, 6, 3}, "tensor 'w': expected [rows, columns], got [6, 5, 1]"},
  };
  for (const auto& c : cases) {
    made_.clear();
    make("w", c.w);
    make("a", c.a);
    make("b", c.b);
    EXPECT_ERROR(merge(LowRankKind::Linear, 1.0F), ErrorKind::BadFile, c.part);
  }
}

TEST_F(LowRankMerge, ReadsItsResultThroughAStore) {
  const auto& w = make("w", {3, 2});
  make("a", {1, 1, 2});
  make("b", {1, 3, 1});
  WeightStore store;
  store.add_derived("merged", merge(LowRankKind::Linear, 0.0F));
  std::vector<float> out(6);
  store.read("merged", DType::F32, reinterpret_cast<std::byte*>(out.data()));
  EXPECT_EQ(out, w);
  EXPECT_EQ(store.find("merged"), (TensorSpec{Shape{3, 2}, DType::F32}));
  store.release("merged");
  std::filesystem::resize_file(folder_ / "m.safetensors", 64);
  EXPECT_ERROR(store.read("merged", DType::BF16, reinterpret_cast<std::byte*>(out.data())), ErrorKind::BadFile,
               "shrank");
}

}  // namespace
}  // namespace newbie
