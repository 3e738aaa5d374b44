// Made-up weights: parts of a tensor are its own, names tell them apart, sizes are as promised.
#include "measure/synthetic_weights.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "graph/ops/linear.h"

namespace newbie::test {
namespace {

SyntheticWeights weights_of(int64_t rows, int64_t columns) {
  Graph g;
  const Value x = g.input("x", {2, columns});
  g.output("y", linear(Scope(g, "a"), x, rows, true));
  g.output("z", linear(Scope(g, "b"), x, rows, false));
  SyntheticWeights out;
  out.add(g, DType::BF16);
  return out;
}

std::vector<float> values(const SyntheticWeights& weights, const std::string& name) {
  std::vector<float> out(weights.find(name)->shape.elements());
  weights.read(name, DType::F32, reinterpret_cast<std::byte*>(out.data()));
  return out;
}

TEST(SyntheticWeights, HaveTheGraphsShapes) {
  const SyntheticWeights weights = weights_of(5, 7);
  EXPECT_EQ(weights.names(), (std::vector<std::string>{"a.bias", "a.weight", "b.weight"}));
  EXPECT_EQ(*weights.find("a.weight"), (TensorSpec{{5, 7}, DType::BF16}));
  EXPECT_FALSE(weights.find("c.weight"));
  EXPECT_EQ(weights.mapped("a.weight").data, nullptr);
}

TEST(SyntheticWeights, AMatrixKeepsTheSizeOfWhatItMultiplies) {
  const std::vector<float> w = values(weights_of(64, 256), "a.weight");
  double squares = 0;
  for (float v : w) squares += static_cast<double>(v) * v;
  // Variance 1/256; of 16384 uniform values the mean square is within 4 % of it (six standard deviations of 0.7 %).
  EXPECT_NEAR(squares / static_cast<double>(w.size()) * 256, 1.0, 0.04);
  EXPECT_NE(w, values(weights_of(64, 256), "b.weight"));
}

TEST(SyntheticWeights, PartsAreThoseOfTheWhole) {
  const SyntheticWeights weights = weights_of(33, 100);
  std::vector<std::byte> whole(3300 * 2), part(1500 * 2);
  weights.read("a.weight", DType::BF16, whole.data());
  weights.read_part("a.weight", 1111, 1500, part.data());
  EXPECT_EQ(std::memcmp(part.data(), whole.data() + 1111 * 2, part.size()), 0);
}

}  // namespace
}  // namespace newbie::test
