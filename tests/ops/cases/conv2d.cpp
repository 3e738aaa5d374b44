#include "graph/ops/conv2d.h"

#include <cmath>

#include "ops/cases.h"
#include "support/close.h"

namespace newbie::test {

namespace {

OpCase conv_case(const Shape& x, const Shape& w, int64_t stride, Padding pad, uint64_t seed) {
  const int64_t oh = (x[0] + pad.top + pad.bottom - w[2]) / stride + 1;
  const int64_t ow = (x[1] + pad.left + pad.right - w[3]) / stride + 1;
  OpCase c{.name = fmt::format("conv2d {} {} stride {} pad {} {} {} {}", x.str(), w.str(), stride, pad.top, pad.left,
                               pad.bottom, pad.right),
           .op = &conv2d_op,
           .attrs = {{"stride", stride}, {"padding", std::vector<int64_t>{pad.top, pad.left, pad.bottom, pad.right}}}};
  c.operands = {{"x", Role::Operand, random_tensor(x, seed)},
                {"weight", Role::Matrix, random_tensor(w, seed + 1, 0.2f)},
                {"bias", Role::Scale, random_tensor({w[0]}, seed + 2)}};
  c.steps = sum_steps(w[1] * w[2] * w[3]) + 2;
  c.formula = [=](const std::vector<Doubles>& in, DType) {
    Expected e;
    for (int64_t r = 0; r < oh; ++r)
      for (int64_t q = 0; q < ow; ++q)
        for (int64_t o = 0; o < w[0]; ++o) {
          double y = in[2][static_cast<size_t>(o)], m = std::abs(y);
          for (int64_t i = 0; i < w[1]; ++i)
            for (int64_t dy = 0; dy < w[2]; ++dy)
              for (int64_t dx = 0; dx < w[3]; ++dx) {
                const int64_t sy = r * stride - pad.top + dy, sx = q * stride - pad.left + dx;
                if (sy < 0 || sx < 0 || sy >= x[0] || sx >= x[1]) continue;
                const double product = in[0][static_cast<size_t>((sy * x[1] + sx) * x[2] + i)] *
                                       in[1][static_cast<size_t>(((o * w[1] + i) * w[2] + dy) * w[3] + dx)];
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

std::vector<OpCase> conv2d_cases() {
  return {conv_case({5, 7, 3}, {8, 3, 3, 3}, 1, {1, 1, 1, 1}, 21),
          conv_case({8, 6, 16}, {12, 16, 3, 3}, 2, {0, 0, 1, 1}, 22),
          conv_case({4, 4, 96}, {48, 96, 1, 1}, 1, {}, 23),
          conv_case({1, 1, 48}, {5, 48, 3, 3}, 1, {1, 1, 1, 1}, 24),
          conv_case({14, 14, 3}, {128, 3, 7, 7}, 7, {}, 25),
          conv_case({9, 5, 4}, {4, 4, 2, 4}, 3, {2, 1, 0, 3}, 26),
          conv_case({13, 11, 32}, {48, 32, 3, 3}, 1, {1, 1, 1, 1}, 27)};
}

}  // namespace newbie::test
