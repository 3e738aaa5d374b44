#include "graph/ops/modulation.h"

#include <cmath>

#include "ops/cases/pointwise.h"
#include "support/close.h"

namespace newbie::test {

namespace {

enum class Kind { Modulate, GatedResidual, Residual };

// norm_modulate, norm_gated_residual, norm_residual: y = rms_norm(branch), then what `kind` says.
OpCase fused_case(Kind kind, const Shape& shape, const Shape& row, double offset, uint64_t seed) {
  const double eps = 1e-5;
  const auto n = static_cast<size_t>(shape.last());
  OpCase c{.attrs = {{"eps", eps}, {"offset", offset}}};
  if (kind != Kind::Modulate) c.operands.push_back({"x", Role::Operand, random_tensor(shape, seed)});
  c.operands.push_back({"branch", Role::Operand, random_tensor(shape, seed + 1, 3.0f)});
  c.operands.push_back({"weight", Role::Scale, random_tensor({shape.last()}, seed + 2)});
  if (kind != Kind::Residual) c.operands.push_back({"row", Role::Operand, random_tensor(row, seed + 3)});
  c.op = kind == Kind::Modulate   ? &norm_modulate_op
         : kind == Kind::Residual ? &norm_residual_op
                                  : &norm_gated_residual_op;
  c.name = fmt::format("{} {} {} offset {}", c.op->name, shape.str(), kind == Kind::Residual ? "" : row.str(), offset);
  c.steps = sum_steps(shape.last()) + (kind == Kind::GatedResidual ? 16 : 8);
  c.stored_roundings = kind == Kind::Modulate ? 2 : kind == Kind::Residual ? 1 : 3;
  c.formula = [=](const std::vector<Doubles>& in, DType) {
    const Doubles& branch = in[kind == Kind::Modulate ? 0 : 1];
    const Doubles& weight = in[kind == Kind::Modulate ? 1 : 2];
    Expected e;
    for (size_t i = 0; i < branch.size(); ++i) {
      double mean = 0;
      for (size_t j = i / n * n; j < i / n * n + n; ++j) mean += branch[j] * branch[j] / static_cast<double>(n);
      const double y = branch[i] / std::sqrt(mean + eps) * (offset + weight[i % n]);
      if (kind == Kind::Modulate) {
        e.value.push_back(y * (1.0 + in[2][i % in[2].size()]));
        e.magnitude.push_back(std::abs(e.value.back()));
      } else {
        const double gated = kind == Kind::Residual ? y : y * std::tanh(in[3][i % in[3].size()]);
        e.value.push_back(in[0][i] + gated);
        e.magnitude.push_back(std::abs(in[0][i]) + std::abs(gated));
      }
    }
    return e;
  };
  return c;
}

}  // namespace

std::vector<OpCase> modulation_cases() {
  std::vector<OpCase> cases;
  uint64_t seed = 1000;
  const std::vector<std::pair<Shape, Shape>> shapes{
      {{1, 48}, {1, 48}}, {{3, 96}, {96}}, {{129, 288}, {1, 288}}, {{33, 128}, {33, 128}}};
  for (const auto& [x, row] : shapes) {
    cases.push_back(pointwise_case({.name = "modulate",
                                    .op = &modulate_op,
                                    .shapes = {x, row},
                                    .f =
                                        [](const Doubles& v) {
                                          const double y = v[0] * (1.0 + v[1]);
                                          return Point{y, std::abs(y)};
                                        },
                                    .steps = 2,
                                    .stored_roundings = 1},
                                   seed += 10));
    cases.push_back(pointwise_case({.name = "gated_residual",
                                    .op = &gated_residual_op,
                                    .shapes = {x, x, row},
                                    .f =
                                        [](const Doubles& v) {
                                          const double gated = std::tanh(v[2]) * v[1];
                                          return Point{v[0] + gated, std::abs(v[0]) + std::abs(gated)};
                                        },
                                    .steps = 10,
                                    .stored_roundings = 2},
                                   seed += 10));
    for (double offset : {0.0, 1.0})
      for (Kind kind : {Kind::Modulate, Kind::GatedResidual, Kind::Residual})
        cases.push_back(fused_case(kind, x, row, offset, seed += 10));
  }
  return cases;
}

}  // namespace newbie::test
