#include "graph/ops/rope.h"

#include <cmath>

#include "ops/cases.h"
#include "support/close.h"

namespace newbie::test {

namespace {

OpCase rope_case(int64_t rows, int64_t heads, int64_t d, RopeLayout layout, bool norm, uint64_t seed) {
  const double eps = 1e-6, offset = 1.0;
  const auto half = static_cast<size_t>(d / 2), n = static_cast<size_t>(d);
  const bool interleaved = layout == RopeLayout::Interleaved;
  Tensor cos{{rows, d / 2}, {}}, sin{{rows, d / 2}, {}};
  for (float angle : random_tensor({rows, d / 2}, seed, 10.0f).values) {
    cos.values.push_back(std::cos(angle));
    sin.values.push_back(std::sin(angle));
  }
  OpCase c{.name = fmt::format("{} {} x {} of {} {}", norm ? "norm_rope" : "rope", rows, heads, d,
                               interleaved ? "interleaved" : "half split"),
           .op = norm ? &norm_rope_op : &rope_op};
  c.operands = {{"x", Role::Operand, random_tensor({rows, heads * d}, seed + 1, 3.0f)}};
  if (norm) {
    c.attrs = {{"eps", eps}, {"offset", offset}, {"layout", static_cast<int64_t>(layout)}};
    c.operands.push_back({"weight", Role::Scale, random_tensor({d}, seed + 2)});
  } else {
    c.attrs = {{"layout", static_cast<int64_t>(layout)}};
  }
  c.operands.push_back({"cos", Role::Parameter, cos});
  c.operands.push_back({"sin", Role::Parameter, sin});
  c.steps = 3 + (norm ? sum_steps(d) + 6 : 0);
  c.stored_roundings = norm ? 1 : 0;
  c.formula = [=](const std::vector<Doubles>& in, DType) {
    const Doubles &cs = in[norm ? 2 : 1], &sn = in[norm ? 3 : 2];
    Expected e{Doubles(in[0].size()), Doubles(in[0].size())};
    for (size_t first = 0; first < in[0].size(); first += n) {
      const size_t row = first / (n * static_cast<size_t>(heads));
      Doubles v(in[0].begin() + static_cast<std::ptrdiff_t>(first),
                in[0].begin() + static_cast<std::ptrdiff_t>(first + n));
      if (norm) {
        double mean = 0;
        for (double x : v) mean += x * x / static_cast<double>(d);
        for (size_t i = 0; i < n; ++i) v[i] *= (offset + in[1][i]) / std::sqrt(mean + eps);
      }
      for (size_t k = 0; k < half; ++k) {
        const size_t a = interleaved ? 2 * k : k, b = interleaved ? 2 * k + 1 : k + half;
        const double co = cs[row * half + k], si = sn[row * half + k];
        e.value[first + a] = v[a] * co - v[b] * si;
        e.value[first + b] = v[a] * si + v[b] * co;
        e.magnitude[first + a] = std::abs(v[a] * co) + std::abs(v[b] * si);
        e.magnitude[first + b] = std::abs(v[a] * si) + std::abs(v[b] * co);
      }
    }
    return e;
  };
  return c;
}

}  // namespace

std::vector<OpCase> rope_cases() {
  std::vector<OpCase> cases;
  uint64_t seed = 3000;
  for (bool norm : {false, true})
    for (RopeLayout layout : {RopeLayout::Interleaved, RopeLayout::HalfSplit}) {
      cases.push_back(rope_case(1, 1, 16, layout, norm, seed += 10));
      cases.push_back(rope_case(3, 6, 48, layout, norm, seed += 10));
      cases.push_back(rope_case(129, 3, 96, layout, norm, seed += 10));
      cases.push_back(rope_case(7, 2, 2, layout, norm, seed += 10));
    }
  return cases;
}

}  // namespace newbie::test
