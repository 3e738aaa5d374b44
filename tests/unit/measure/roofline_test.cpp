// Roofline: a card's least time is the larger of computing and moving, step by step, and sums add up.
#include "measure/roofline.h"

#include <gtest/gtest.h>

#include "backend/backend.h"
#include "graph/ops/all.h"

namespace newbie::test {
namespace {

// y = silu(x · wᵀ): x [6, 8], w [4, 8].
LoweredGraph layer() {
  Graph g;
  g.output("y", silu(linear(g.input("x", {6, 8}), g.weight("w", {4, 8}))));
  return lower(g, *make_reference_backend(), 1);
}

const RooflineRow& row_of(const std::vector<RooflineRow>& rows, std::string_view op) {
  for (const RooflineRow& row : rows)
    if (row.op == op) return row;
  throw std::out_of_range(std::string(op));
}

TEST(Roofline, CountsWhatIsComputedAndMoved) {
  const std::vector<RooflineRow> rows = roofline(layer(), {.flop_per_second = 1, .bytes_per_second = 1e9});
  ASSERT_EQ(rows.size(), 2U);
  const RooflineRow& product = row_of(rows, "linear");
  EXPECT_EQ(product.flop, 2 * 6 * 4 * 8);
  EXPECT_EQ(product.bytes, 4 * (6 * 8 + 4 * 8 + 6 * 4));
  EXPECT_EQ(product.seconds, product.flop);
  EXPECT_EQ(product.bound_by_memory, 0);
  EXPECT_EQ(row_of(rows, "silu").bytes, 4 * 2 * 6 * 4);
  EXPECT_EQ(rows.front().op, "linear") << "the longest first";
}

TEST(Roofline, TheSlowerOfBothCounts) {
  const std::vector<RooflineRow> rows = roofline(layer(), {.flop_per_second = 1e9, .bytes_per_second = 1});
  const RooflineRow& product = row_of(rows, "linear");
  EXPECT_EQ(product.seconds, product.bytes);
  EXPECT_EQ(product.bound_by_memory, product.seconds);
  const RooflineRow all = sum_of(rows);
  EXPECT_EQ(all.steps, 2);
  EXPECT_EQ(all.seconds, product.seconds + row_of(rows, "silu").seconds);
  EXPECT_EQ(all.bytes, product.bytes + row_of(rows, "silu").bytes);
}

}  // namespace
}  // namespace newbie::test
