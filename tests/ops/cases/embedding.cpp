#include "graph/ops/embedding.h"

#include <cmath>

#include "core/float_formats.h"
#include "ops/cases.h"
#include "support/close.h"

namespace newbie::test {

namespace {

OpCase embedding_case(int64_t rows, int64_t vocabulary, int64_t width, double scale, uint64_t seed) {
  Tensor ids{{rows}, {}};
  for (int64_t i = 0; i < rows; ++i) ids.values.push_back(static_cast<float>((i * 7 + vocabulary - 1) % vocabulary));
  OpCase c{.name = fmt::format("embedding {} of {} x {} scale {}", rows, vocabulary, width, scale),
           .op = &embedding_op,
           .attrs = {{"scale", scale}}};
  c.operands = {{"ids", Role::Ids, ids}, {"table", Role::Matrix, random_tensor({vocabulary, width}, seed)}};
  c.steps = 1;
  c.formula = [=](const std::vector<Doubles>& in, DType compute) {
    Expected e;
    for (double id : in[0])
      for (int64_t i = 0; i < width; ++i) {
        const double y = in[1][static_cast<size_t>(static_cast<int64_t>(id) * width + i)] *
                         static_cast<double>(round_to(compute, static_cast<float>(scale)));
        e.value.push_back(y);
        e.magnitude.push_back(std::abs(y));
      }
    return e;
  };
  return c;
}

OpCase timestep_case(double t, int64_t width, double max_period) {
  OpCase c{.name = fmt::format("timestep_embedding t {} width {}", t, width),
           .op = &timestep_embedding_op,
           .attrs = {{"width", width}, {"max_period", max_period}}};
  c.operands = {{"t", Role::Parameter, Tensor{{1}, {static_cast<float>(t)}}}};
  // exp of an argument up to ln(max_period) with three roundings, then the angle's and the function's own.
  c.steps = 3.0 * std::log(max_period) + 4.0;
  c.float_arithmetic = true;
  c.formula = [=](const std::vector<Doubles>& in, DType) {
    Expected e;
    for (bool sine : {false, true})
      for (int64_t k = 0; k < width / 2; ++k) {
        const double angle =
            in[0][0] * std::pow(max_period, -2.0 * static_cast<double>(k) / static_cast<double>(width));
        e.value.push_back(sine ? std::sin(angle) : std::cos(angle));
        e.magnitude.push_back(1.0 + std::abs(angle));
      }
    return e;
  };
  return c;
}

OpCase mean_case(const Shape& x, uint64_t seed) {
  OpCase c{.name = fmt::format("mean_rows {}", x.str()), .op = &mean_rows_op};
  c.operands = {{"x", Role::Operand, random_tensor(x, seed)}};
  c.steps = sum_steps(x[0]) + 1;
  c.formula = [=](const std::vector<Doubles>& in, DType) {
    const auto width = static_cast<size_t>(x[1]);
    Expected e{Doubles(width), Doubles(width)};
    for (size_t i = 0; i < in[0].size(); ++i) {
      e.value[i % width] += in[0][i] / static_cast<double>(x[0]);
      e.magnitude[i % width] += std::abs(in[0][i]) / static_cast<double>(x[0]);
    }
    return e;
  };
  return c;
}

}  // namespace

std::vector<OpCase> embedding_cases() {
  return {embedding_case(1, 5, 48, 1.0, 4001),  embedding_case(129, 40, 128, 50.596443, 4002),
          embedding_case(3, 1, 288, 0.5, 4003), timestep_case(0.25, 256, 10000.0),
          timestep_case(0.0, 6, 10000.0),       timestep_case(0.97, 128, 1000.0),
          timestep_case(1000.0, 256, 10000.0),  mean_case({1, 48}, 4011),
          mean_case({129, 96}, 4012),           mean_case({3, 129}, 4013)};
}

}  // namespace newbie::test
