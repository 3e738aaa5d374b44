#include "graph/ops/elementwise.h"

#include <cmath>
#include <numbers>

#include "graph/ops/cast.h"
#include "graph/ops/dropout.h"
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

// Dropout's definition once more: the element's place in a sequence that starts at a mix of key and stream.
uint64_t mix(uint64_t z) {
  z ^= z >> 30;
  z *= 0xbf58476d1ce4e5b9u;
  z ^= z >> 27;
  z *= 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

OpCase dropout_case(const Shape& x, double p, int64_t stream, uint64_t key, uint64_t seed) {
  OpCase c{.name = fmt::format("dropout {} of {}", p, x.str()), .op = &dropout_op};
  c.attrs = {{"p", p}, {"stream", stream}};
  const auto bytes = dropout_key_values(key);
  c.operands = {{"x", Role::Operand, random_tensor(x, seed)},
                {"key", Role::Parameter, {{8}, std::vector<float>(bytes.begin(), bytes.end())}}};
  c.steps = 2;
  c.formula = [=](const std::vector<Doubles>& in, DType) {
    constexpr uint64_t kStep = 0x9e3779b97f4a7c15u;
    Expected e;
    uint64_t at = mix(mix(key + kStep) + static_cast<uint64_t>(stream) * kStep);
    for (const double v : in[0]) {
      at += kStep;
      const bool kept = static_cast<double>(mix(at) >> 32) >= std::round(p * 4294967296.0);
      e.value.push_back(kept ? v / (1.0 - p) : 0.0);
      e.magnitude.push_back(std::abs(e.value.back()));
    }
    return e;
  };
  return c;
}

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
  cases.push_back(dropout_case({1, 48}, 0.5, 0, 1, 9000));
  cases.push_back(dropout_case({129, 96}, 0.05, 121, 0xfedcba9876543210u, 9010));
  cases.push_back(dropout_case({2, 5000}, 0.9, 3, ~uint64_t{0}, 9020));
  cases.push_back(dropout_case({3, 7}, 0.0, 1, 77, 9030));
  return cases;
}

}  // namespace newbie::test
