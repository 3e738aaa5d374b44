#include "graph/ops/sums.h"

#include <cmath>

#include "ops/cases.h"
#include "support/close.h"

namespace newbie::test {

namespace {

OpCase rows_case(const Shape& x, uint64_t seed) {
  OpCase c{.name = fmt::format("sum_rows {}", x.str()), .op = &sum_rows_op};
  c.operands = {{"x", Role::Operand, random_tensor(x, seed)}};
  c.steps = sum_steps(x.rows());
  c.formula = [n = static_cast<size_t>(x.last())](const std::vector<Doubles>& in, DType) {
    Expected e{Doubles(n), Doubles(n)};
    for (size_t i = 0; i < in[0].size(); ++i) {
      e.value[i % n] += in[0][i];
      e.magnitude[i % n] += std::abs(in[0][i]);
    }
    return e;
  };
  return c;
}

OpCase error_case(const Shape& x, uint64_t seed) {
  OpCase c{.name = fmt::format("squared_error {}", x.str()), .op = &squared_error_op};
  c.operands = {{"x", Role::Operand, random_tensor(x, seed)}, {"target", Role::Operand, random_tensor(x, seed + 1)}};
  c.steps = sum_steps(static_cast<int64_t>(x.elements())) + 4;
  c.formula = [](const std::vector<Doubles>& in, DType) {
    Expected e{{0.0}, {0.0}};
    for (size_t i = 0; i < in[0].size(); ++i) {
      const double count = static_cast<double>(in[0].size()), both = std::abs(in[0][i]) + std::abs(in[1][i]);
      e.value[0] += (in[0][i] - in[1][i]) * (in[0][i] - in[1][i]) / count;
      e.magnitude[0] += 2.0 * both * both / count;
    }
    return e;
  };
  return c;
}

OpCase error_gradient_case(const Shape& x, uint64_t seed) {
  OpCase c{.name = fmt::format("squared_error_gradient {}", x.str()), .op = &squared_error_gradient_op};
  c.operands = {{"x", Role::Operand, random_tensor(x, seed)},
                {"target", Role::Operand, random_tensor(x, seed + 1)},
                {"dy", Role::Parameter, {{1}, {0.7f}}}};
  c.steps = 4;
  c.formula = [](const std::vector<Doubles>& in, DType) {
    Expected e;
    for (size_t i = 0; i < in[0].size(); ++i) {
      const double factor = 2.0 * in[2][0] / static_cast<double>(in[0].size());
      e.value.push_back(factor * (in[0][i] - in[1][i]));
      e.magnitude.push_back(factor * (std::abs(in[0][i]) + std::abs(in[1][i])));
    }
    return e;
  };
  return c;
}

}  // namespace

std::vector<OpCase> sum_cases() {
  return {rows_case({1, 48}, 6001), rows_case({129, 288}, 6002),    rows_case({2, 5, 7}, 6003),
          rows_case({13}, 6004),    error_case({1}, 6011),          error_case({16, 5, 7}, 6012),
          error_case({3000}, 6013), error_gradient_case({1}, 6021), error_gradient_case({16, 5, 7}, 6022)};
}

}  // namespace newbie::test
