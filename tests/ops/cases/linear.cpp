#include "graph/ops/linear.h"

#include <cmath>

#include "graph/ops/attention.h"
#include "graph/ops/linear_add.h"
#include "ops/cases.h"
#include "support/close.h"

namespace newbie::test {

namespace {

OpCase linear_case(const Shape& x, int64_t n, bool bias, uint64_t seed) {
  const int64_t rows = x.rows(), k = x.last();
  OpCase c{.name = fmt::format("linear {} to {}{}", x.str(), n, bias ? " bias" : ""), .op = &linear_op};
  c.operands = {{"x", Role::Operand, random_tensor(x, seed)},
                {"weight", Role::Matrix, random_tensor({n, k}, seed + 1, 0.2f)}};
  if (bias) c.operands.push_back({"bias", Role::Scale, random_tensor({n}, seed + 2)});
  c.steps = sum_steps(k) + 2;
  c.formula = [=](const std::vector<Doubles>& in, DType) {
    Expected e;
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t j = 0; j < n; ++j) {
        double y = bias ? in[2][static_cast<size_t>(j)] : 0.0, m = std::abs(y);
        for (int64_t i = 0; i < k; ++i) {
          const double product = in[0][static_cast<size_t>(r * k + i)] * in[1][static_cast<size_t>(j * k + i)];
          y += product;
          m += std::abs(product);
        }
        e.value.push_back(y);
        e.magnitude.push_back(m);
      }
    return e;
  };
  return c;
}

OpCase linear_add_case(const Shape& x, int64_t n, uint64_t seed) {
  std::vector<int64_t> extents(x.extents().begin(), x.extents().end());
  extents.back() = n;
  OpCase c = linear_case(x, n, false, seed);
  c.name = fmt::format("linear_add {} to {}", x.str(), n);
  c.op = &linear_add_op;
  c.operands.push_back({"addend", Role::Operand, random_tensor(Shape(extents), seed + 2)});
  c.steps += 1;
  c.stored_roundings = 1;  // the product
  c.formula = [product = c.formula](const std::vector<Doubles>& in, DType compute) {
    Expected e = product({in[0], in[1]}, compute);
    for (size_t i = 0; i < e.value.size(); ++i) {
      e.value[i] += in[2][i];
      e.magnitude[i] += std::abs(in[2][i]);
    }
    return e;
  };
  return c;
}

OpCase transposed_case(const Shape& x, int64_t k, uint64_t seed) {
  const int64_t rows = x.rows(), n = x.last();
  OpCase c{.name = fmt::format("linear_transposed {} to {}", x.str(), k), .op = &linear_transposed_op};
  c.operands = {{"x", Role::Operand, random_tensor(x, seed)},
                {"weight", Role::Matrix, random_tensor({n, k}, seed + 1, 0.2f)}};
  c.steps = sum_steps(n) + 1;
  c.formula = [=](const std::vector<Doubles>& in, DType) {
    Expected e{Doubles(static_cast<size_t>(rows * k)), Doubles(static_cast<size_t>(rows * k))};
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j < k; ++j) {
          const double product = in[0][static_cast<size_t>(r * n + i)] * in[1][static_cast<size_t>(i * k + j)];
          e.value[static_cast<size_t>(r * k + j)] += product;
          e.magnitude[static_cast<size_t>(r * k + j)] += std::abs(product);
        }
    return e;
  };
  return c;
}

OpCase outer_case(const Shape& a, int64_t columns, uint64_t seed) {
  const int64_t batches = a[0], depth = a[1], rows = a[2];
  OpCase c{.name = fmt::format("batched_outer {} {}", a.str(), columns), .op = &batched_outer_op};
  c.operands = {{"a", Role::Operand, random_tensor(a, seed)},
                {"b", Role::Operand, random_tensor({batches, depth, columns}, seed + 1)}};
  c.steps = sum_steps(depth) + 1;
  c.formula = [=](const std::vector<Doubles>& in, DType) {
    const auto count = static_cast<size_t>(batches * rows * columns);
    Expected e{Doubles(count), Doubles(count)};
    for (int64_t batch = 0; batch < batches; ++batch)
      for (int64_t r = 0; r < depth; ++r)
        for (int64_t i = 0; i < rows; ++i)
          for (int64_t j = 0; j < columns; ++j) {
            const double product = in[0][static_cast<size_t>((batch * depth + r) * rows + i)] *
                                   in[1][static_cast<size_t>((batch * depth + r) * columns + j)];
            const auto at = static_cast<size_t>((batch * rows + i) * columns + j);
            e.value[at] += product;
            e.magnitude[at] += std::abs(product);
          }
    return e;
  };
  return c;
}

OpCase matmul_case(const Shape& a, const Shape& b, bool transpose_b, uint64_t seed) {
  const int64_t batches = a[0], rows = a[1], k = a[2], columns = transpose_b ? b[1] : b[2], share = a[0] / b[0];
  OpCase c{.name = fmt::format("batched_matmul {} {}{}", a.str(), b.str(), transpose_b ? " transposed" : ""),
           .op = &batched_matmul_op,
           .attrs = {{"transpose_b", int64_t{transpose_b}}}};
  c.operands = {{"a", Role::Operand, random_tensor(a, seed)}, {"b", Role::Operand, random_tensor(b, seed + 1)}};
  c.steps = sum_steps(k) + 1;
  c.formula = [=](const std::vector<Doubles>& in, DType) {
    Expected e;
    for (int64_t batch = 0; batch < batches; ++batch)
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t j = 0; j < columns; ++j) {
          double y = 0, m = 0;
          for (int64_t i = 0; i < k; ++i) {
            const int64_t at_b = batch / share * k * columns + (transpose_b ? j * k + i : i * columns + j);
            const double product =
                in[0][static_cast<size_t>((batch * rows + r) * k + i)] * in[1][static_cast<size_t>(at_b)];
            y += product;
            m += std::abs(product);
          }
          e.value.push_back(y);
          e.magnitude.push_back(m);
        }
    return e;
  };
  return c;
}

}  // namespace

std::vector<OpCase> linear_cases() {
  return {
      linear_case({1, 48}, 96, true, 1),    linear_case({3, 128}, 288, false, 2), linear_case({129, 96}, 48, true, 3),
      linear_case({33, 288}, 65, false, 4), linear_case({2, 5, 48}, 7, true, 5),  linear_case({7, 13}, 1, false, 6),
      linear_case({1, 1024}, 200, true, 7), linear_case({96}, 48, true, 8),       transposed_case({1, 96}, 48, 21),
      transposed_case({129, 48}, 96, 22),   transposed_case({2, 5, 65}, 288, 23), transposed_case({300, 7}, 520, 24),
      transposed_case({48}, 13, 25),        transposed_case({3, 1100}, 520, 26)};
}

std::vector<OpCase> linear_add_cases() {
  return {linear_add_case({1, 48}, 96, 31), linear_add_case({129, 16}, 288, 32), linear_add_case({33, 7}, 65, 33),
          linear_add_case({2, 5, 48}, 7, 34)};
}

std::vector<OpCase> batched_matmul_cases() {
  return {matmul_case({4, 3, 32}, {2, 5, 32}, true, 11),
          matmul_case({6, 129, 17}, {2, 17, 48}, false, 12),
          matmul_case({1, 1, 96}, {1, 129, 96}, true, 13),
          matmul_case({2, 33, 33}, {2, 33, 33}, false, 14),
          outer_case({1, 129, 48}, 96, 15),
          outer_case({3, 33, 17}, 5, 16),
          outer_case({2, 7, 1}, 300, 17),
          outer_case({1, 40, 300}, 24, 18)};
}

}  // namespace newbie::test
