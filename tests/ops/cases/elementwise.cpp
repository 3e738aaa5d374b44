#include "graph/ops/elementwise.h"

#include <cmath>
#include <numbers>

#include "graph/ops/cast.h"
#include "graph/ops/gated_activation.h"
#include "ops/cases/pointwise.h"

namespace newbie::test {

namespace {

double sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }

double gelu_by_erf(double x) {
  return x * (x < 0 ? 0.5 * std::erfc(-x * std::sqrt(0.5)) : 0.5 + 0.5 * std::erf(x * std::sqrt(0.5)));
}
// 0.5 (1 + tanh z) = σ(2z)
double gelu_by_tanh(double x) {
  return x * sigmoid(2.0 * std::sqrt(2.0 / std::numbers::pi) * (x + 0.044715 * std::pow(x, 3)));
}

Point relative(double y) { return {y, std::abs(y)}; }

}  // namespace

std::vector<OpCase> elementwise_cases() {
  const std::vector<Shape> shapes{{1, 48}, {3, 128}, {129, 288}, {4, 5, 96}, {1}};
  std::vector<OpCase> cases;
  uint64_t seed = 100;
  for (const Shape& s : shapes) {
    const auto one = [&](const char* name, const OpDef& op, double steps, std::function<Point(double)> f) {
      cases.push_back(pointwise_case(
          {.name = name, .op = &op, .shapes = {s}, .f = [f](const Doubles& v) { return f(v[0]); }, .steps = steps},
          seed += 10));
    };
    one("cast", cast_op, 0, [](double x) { return relative(x); });
    one("silu", silu_op, 10, [](double x) { return relative(x * sigmoid(x)); });
    // 1 + tanh and 1 + erf cancel in the left tail: the error is relative to x.
    one("gelu_tanh", gelu_tanh_op, 12, [](double x) { return Point{gelu_by_tanh(x), std::abs(x)}; });
    one("gelu_erf", gelu_erf_op, 12, [](double x) { return Point{gelu_by_erf(x), std::abs(x)}; });
    one("tanh", tanh_op, 8, [](double x) { return relative(std::tanh(x)); });
    one("relu", relu_op, 0, [](double x) { return relative(std::max(x, 0.0)); });
    cases.push_back(pointwise_case({.name = "add_scalar",
                                    .op = &add_scalar_op,
                                    .attrs = {{"scalar", 0.1}},
                                    .shapes = {s},
                                    .f =
                                        [](const Doubles& v) {
                                          return Point{v[0] + 0.1, std::abs(v[0]) + 0.1};
                                        },
                                    .steps = 2},
                                   seed += 10));
  }
  for (const Shape& s : shapes)
    cases.push_back(pointwise_case({.name = "mul_scalar",
                                    .op = &mul_scalar_op,
                                    .attrs = {{"scalar", -0.3}},
                                    .shapes = {s},
                                    .f = [](const Doubles& v) { return relative(-0.3 * v[0]); },
                                    .steps = 2},
                                   seed += 10));
  const std::vector<std::vector<Shape>> pairs{
      {{1, 48}, {1, 48}}, {{3, 96}, {96}}, {{129, 288}, {1, 288}}, {{129, 48}, {129, 48}}, {{2, 3, 128}, {128}}};
  for (const auto& pair : pairs) {
    cases.push_back(pointwise_case({.name = "add",
                                    .op = &add_op,
                                    .shapes = pair,
                                    .f =
                                        [](const Doubles& v) {
                                          return Point{v[0] + v[1], std::abs(v[0]) + std::abs(v[1])};
                                        },
                                    .steps = 1},
                                   seed += 10));
    cases.push_back(pointwise_case({.name = "mul",
                                    .op = &mul_op,
                                    .shapes = pair,
                                    .f = [](const Doubles& v) { return relative(v[0] * v[1]); },
                                    .steps = 1},
                                   seed += 10));
    if (!(pair[0] == pair[1])) continue;
    cases.push_back(pointwise_case({.name = "swiglu",
                                    .op = &swiglu_op,
                                    .shapes = pair,
                                    .f = [](const Doubles& v) { return relative(v[0] * sigmoid(v[0]) * v[1]); },
                                    .steps = 12,
                                    .stored_roundings = 1},
                                   seed += 10));
    // The two terms of the slope cancel near x = −1.28.
    cases.push_back(pointwise_case(
        {.name = "silu_gradient",
         .op = &silu_gradient_op,
         .shapes = pair,
         .f =
             [](const Doubles& v) {
               const double s = sigmoid(v[0]), rest = sigmoid(-v[0]);
               return Point{v[1] * s * (1.0 + v[0] * rest), std::abs(v[1]) * s * (1.0 + std::abs(v[0]) * rest)};
             },
         .steps = 16},
        seed += 10));
    cases.push_back(pointwise_case({.name = "geglu_tanh",
                                    .op = &geglu_tanh_op,
                                    .shapes = pair,
                                    .f =
                                        [](const Doubles& v) {
                                          return Point{gelu_by_tanh(v[0]) * v[1], std::abs(v[0] * v[1])};
                                        },
                                    .steps = 14,
                                    .stored_roundings = 1},
                                   seed += 10));
  }
  return cases;
}

}  // namespace newbie::test
