#include "core/shape.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <vector>

#include "core/checked.h"
#include "core/tensor.h"
#include "expect_error.h"

namespace newbie {
namespace {

TEST(Shape, TellsItsExtents) {
  const Shape shape{2, 3, 4};
  EXPECT_EQ(shape.rank(), 3);
  EXPECT_EQ(shape[0], 2);
  EXPECT_EQ(shape[-1], 4);
  EXPECT_EQ(shape[-3], 2);
  EXPECT_EQ(shape.last(), 4);
  EXPECT_EQ(shape.elements(), 24U);
  EXPECT_EQ(shape.rows(), 6);
  EXPECT_EQ(shape.str(), "[2, 3, 4]");
}

TEST(Shape, AScalarHasOneElement) {
  EXPECT_EQ(Shape().rank(), 0);
  EXPECT_EQ(Shape().elements(), 1U);
  EXPECT_EQ(Shape().str(), "[]");
}

TEST(Shape, AZeroExtentMakesItEmpty) { EXPECT_EQ((Shape{3, 0, 5}.elements()), 0U); }

TEST(Shape, EqualityLooksAtRankAndExtents) {
  EXPECT_EQ((Shape{2, 3}), (Shape{2, 3}));
  EXPECT_NE((Shape{2, 3}), (Shape{3, 2}));
  EXPECT_NE((Shape{2, 3}), (Shape{2, 3, 1}));
}

TEST(Shape, RefusesWhatCannotBe) {
  EXPECT_ERROR((Shape{1, -1}), ErrorKind::InvalidRequest, "negative extent -1");
  EXPECT_ERROR((Shape{1, 1, 1, 1, 1, 1}), ErrorKind::Unsupported, "rank 6");
  const int64_t big = int64_t{1} << 33;
  EXPECT_ERROR((Shape{big, big}.elements()), ErrorKind::InvalidRequest, "overflow");
}

TEST(Shape, RowsAreCountedWithoutWrapping) {
  EXPECT_EQ((Shape{3, 4, 5}.rows()), 12);
  EXPECT_EQ((Shape{5}.rows()), 1);
  EXPECT_EQ(Shape{}.rows(), 1);
  const int64_t big = int64_t{1} << 32;
  EXPECT_ERROR((Shape{big, big, 1}.rows()), ErrorKind::InvalidRequest, "overflow");
}

TEST(TensorSpec, CountsBytesAndRefusesToWrap) {
  EXPECT_EQ((TensorSpec{{3, 5}, DType::BF16}.bytes()), 30U);
  EXPECT_EQ((TensorSpec{{3, 5}, DType::F64}.bytes()), 120U);
  const int64_t big = int64_t{1} << 62;
  EXPECT_EQ((TensorSpec{{big}, DType::I8}.bytes()), size_t{1} << 62);
  EXPECT_ERROR((TensorSpec{{big}, DType::F32}.bytes()), ErrorKind::InvalidRequest, "overflow");
}

TEST(DType, NamesGoBothWays) {
  for (const DType d :
       {DType::F32, DType::BF16, DType::F16, DType::F64, DType::I64, DType::I32, DType::I8, DType::U8}) {
    EXPECT_EQ(find_dtype(to_string(d)), d);
    EXPECT_GT(size_of(d), 0U);
  }
  EXPECT_EQ(find_dtype("f33"), std::nullopt);
}

TEST(Checked, ArithmeticStopsAtTheEdge) {
  constexpr size_t kMax = std::numeric_limits<size_t>::max();
  EXPECT_EQ(checked_add(kMax - 1, 1), kMax);
  EXPECT_ERROR(checked_add(kMax, 1), ErrorKind::InvalidRequest, "overflow");
  EXPECT_EQ(checked_mul(kMax / 2, 2), kMax - 1);
  EXPECT_EQ(checked_mul(kMax, 0), 0U);
  EXPECT_ERROR(checked_mul(kMax / 2 + 1, 2), ErrorKind::InvalidRequest, "overflow");
}

TEST(Checked, RoundingUp) {
  EXPECT_EQ(round_up(0, 64), 0U);
  EXPECT_EQ(round_up(1, 64), 64U);
  EXPECT_EQ(round_up(64, 64), 64U);
  EXPECT_EQ(ceil_div(0, 16), 0);
  EXPECT_EQ(ceil_div(17, 16), 2);
}

}  // namespace
}  // namespace newbie
