#include "graph/ops/pool2d.h"

#include <cmath>

#include "ops/cases.h"
#include "support/close.h"

namespace newbie::test {

namespace {

OpCase pool_case(const OpDef& op, const Shape& x, int64_t kernel, int64_t stride, Padding pad, uint64_t seed) {
  const bool average = &op == &average_pool2d_op;
  OpCase c{.name = fmt::format("{} {} kernel {} stride {} pad {} {} {} {}", op.name, x.str(), kernel, stride, pad.top,
                               pad.left, pad.bottom, pad.right),
           .op = &op,
           .attrs = {{"kernel", kernel},
                     {"stride", stride},
                     {"padding", std::vector<int64_t>{pad.top, pad.left, pad.bottom, pad.right}}}};
  // Below zero for the most part: padding that counted would be seen.
  c.operands = {{"x", Role::Operand, random_tensor(x, seed, 1.0f, -1.0f)}};
  c.steps = sum_steps(kernel * kernel) + 2;
  c.formula = [=](const std::vector<Doubles>& in, DType) {
    Expected e;
    for (int64_t top = -pad.top; top + kernel <= x[0] + pad.bottom; top += stride)
      for (int64_t left = -pad.left; left + kernel <= x[1] + pad.right; left += stride)
        for (int64_t channel = 0; channel < x[2]; ++channel) {
          double largest = -HUGE_VAL, sum = 0, magnitude = 0;
          int64_t count = 0;
          for (int64_t row = top; row < top + kernel; ++row)
            for (int64_t column = left; column < left + kernel; ++column) {
              if (row < 0 || column < 0 || row >= x[0] || column >= x[1]) continue;
              const double v = in[0][static_cast<size_t>((row * x[1] + column) * x[2] + channel)];
              largest = std::max(largest, v);
              sum += v;
              magnitude += std::abs(v);
              ++count;
            }
          e.value.push_back(average ? sum / static_cast<double>(count) : largest);
          e.magnitude.push_back(average ? magnitude / static_cast<double>(count) : std::abs(largest));
        }
    return e;
  };
  return c;
}

}  // namespace

std::vector<OpCase> pool2d_cases() {
  std::vector<OpCase> cases;
  uint64_t seed = 6000;
  for (const OpDef* op : {&max_pool2d_op, &average_pool2d_op}) {
    cases.push_back(pool_case(*op, {9, 7, 32}, 3, 2, {}, ++seed));
    cases.push_back(pool_case(*op, {8, 12, 48}, 3, 1, {1, 1, 1, 1}, ++seed));
    cases.push_back(pool_case(*op, {5, 6, 3}, 3, 2, {1, 1, 1, 1}, ++seed));
    cases.push_back(pool_case(*op, {1, 1, 17}, 3, 1, {1, 1, 1, 1}, ++seed));
    cases.push_back(pool_case(*op, {8, 6, 16}, 3, 2, {0, 2, 1, 0}, ++seed));
    cases.push_back(pool_case(*op, {6, 4, 64}, 2, 2, {}, ++seed));
    cases.push_back(pool_case(*op, {7, 7, 20}, 2, 3, {1, 1, 1, 1}, ++seed));  // the stride leaves pixels over
  }
  return cases;
}

}  // namespace newbie::test
