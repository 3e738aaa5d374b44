#include "graph/ops/norms.h"

#include <cmath>

#include "graph/ops/group_norm_silu.h"
#include "ops/cases.h"
#include "support/close.h"

namespace newbie::test {

namespace {

OpCase rms_case(const Shape& x, int64_t n, double offset, uint64_t seed, float deviation = 3.0f) {
  const double eps = 1e-5;
  OpCase c{.name = fmt::format("rms_norm {} by {} offset {} deviation {}", x.str(), n, offset, deviation),
           .op = &rms_norm_op,
           .attrs = {{"eps", eps}, {"offset", offset}}};
  c.operands = {{"x", Role::Operand, random_tensor(x, seed, deviation)},
                {"weight", Role::Scale, random_tensor({n}, seed + 1)}};
  c.steps = sum_steps(n) + 6;
  c.formula = [=](const std::vector<Doubles>& in, DType) {
    Expected e;
    const auto width = static_cast<size_t>(n);
    for (size_t first = 0; first < in[0].size(); first += width) {
      double mean = 0;
      for (size_t i = 0; i < width; ++i) mean += in[0][first + i] * in[0][first + i] / static_cast<double>(n);
      for (size_t i = 0; i < width; ++i) {
        const double y = in[0][first + i] / std::sqrt(mean + eps);
        e.value.push_back(y * (offset + in[1][i]));
        e.magnitude.push_back(std::abs(y) * std::abs(offset + in[1][i]));
      }
    }
    return e;
  };
  return c;
}

// Of the numbers that elements(f) hands to f, one by one; `magnitude` is the mean of |x|.
struct Statistics {
  double mean = 0, magnitude = 0, inverse_deviation = 0;
};
template <typename Elements>
Statistics statistics(const Elements& elements, double eps) {
  Statistics s;
  double count = 0, variance = 0;
  elements([&](double x) {
    s.mean += x;
    s.magnitude += std::abs(x);
    ++count;
  });
  s.mean /= count;
  s.magnitude /= count;
  elements([&](double x) { variance += (x - s.mean) * (x - s.mean) / count; });
  s.inverse_deviation = 1.0 / std::sqrt(variance + eps);
  return s;
}

// dx of rms_norm and, with the mean taken off, of layer_norm.
OpCase gradient_case(const OpDef& op, const Shape& x, int64_t n, bool weighted, double offset, uint64_t seed,
                     float mean_of_x = 0.0f) {
  const double eps = 1e-5;
  const bool layer = &op == &layer_norm_gradient_op;
  OpCase c{.name = fmt::format("{} {} by {}{} offset {} mean {}", op.name, x.str(), n, weighted ? " weighted" : "",
                               offset, mean_of_x),
           .op = &op,
           .attrs = {{"eps", eps}, {"offset", offset}}};
  c.operands = {{"x", Role::Operand, random_tensor(x, seed, 3.0f, mean_of_x)}};
  if (!layer) c.operands.push_back({"weight", Role::Scale, random_tensor({n}, seed + 1)});
  c.operands.push_back({"dy", Role::Operand, random_tensor(x, seed + 2)});
  if (layer && weighted) c.operands.push_back({"weight", Role::Scale, random_tensor({n}, seed + 1)});
  c.steps = 3 * sum_steps(n) + 12;
  c.formula = [=](const std::vector<Doubles>& in, DType) {
    Expected e;
    const auto width = static_cast<size_t>(n);
    const double count = static_cast<double>(n);
    const Doubles& dy = in[layer ? 1 : 2];
    for (size_t first = 0; first < in[0].size(); first += width) {
      double mean = 0, size = 0, variance = 0, along = 0, g_mean = 0, g_size = 0, along_size = 0;
      if (layer)
        for (size_t i = 0; i < width; ++i) mean += in[0][first + i] / count;
      for (size_t i = 0; i < width; ++i) size += std::abs(in[0][first + i]) / count;
      const auto centred = [&](size_t i) { return in[0][first + i] - mean; };
      const auto spread = [&](size_t i) { return std::abs(in[0][first + i]) + (layer ? size : 0.0); };
      const auto g = [&](size_t i) {
        return dy[first + i] * (layer ? (weighted ? in[2][i] : 1.0) : offset + in[1][i]);
      };
      for (size_t i = 0; i < width; ++i) {
        variance += centred(i) * centred(i) / count;
        along += g(i) * centred(i) / count;
        along_size += std::abs(g(i)) * spread(i) / count;
        g_mean += layer ? g(i) / count : 0.0;
        g_size += layer ? std::abs(g(i)) / count : 0.0;
      }
      const double s = 1.0 / std::sqrt(variance + eps);
      // The error of s itself, where the mean is taken off, is that of differences from it.
      double cancelled = 1;
      if (layer) {
        cancelled = 0;
        for (size_t i = 0; i < width; ++i) cancelled += spread(i) * spread(i) * s * s / count;
      }
      for (size_t i = 0; i < width; ++i) {
        e.value.push_back(s * (g(i) - g_mean - centred(i) * s * s * along));
        e.magnitude.push_back(s * cancelled * (std::abs(g(i)) + g_size + 3.0 * spread(i) * s * s * along_size));
      }
    }
    return e;
  };
  return c;
}

OpCase layer_case(const Shape& x, bool affine, float mean, uint64_t seed, float deviation = 2.0f) {
  const double eps = 1e-6;
  const int64_t n = x.last();
  OpCase c{
      .name = fmt::format("layer_norm {}{} mean {} deviation {}", x.str(), affine ? " affine" : "", mean, deviation),
      .op = &layer_norm_op,
      .attrs = {{"eps", eps}}};
  c.operands = {{"x", Role::Operand, random_tensor(x, seed, deviation, mean)}};
  if (affine) {
    c.operands.push_back({"weight", Role::Scale, random_tensor({n}, seed + 1)});
    c.operands.push_back({"bias", Role::Scale, random_tensor({n}, seed + 2)});
  }
  c.steps = 2 * sum_steps(n) + 8;
  c.formula = [=](const std::vector<Doubles>& in, DType) {
    Expected e;
    const auto width = static_cast<size_t>(n);
    for (size_t first = 0; first < in[0].size(); first += width) {
      const Statistics s = statistics(
          [&](const auto& f) {
            for (size_t i = 0; i < width; ++i) f(in[0][first + i]);
          },
          eps);
      for (size_t i = 0; i < width; ++i) {
        const double w = affine ? in[1][i] : 1.0, b = affine ? in[2][i] : 0.0, v = in[0][first + i];
        e.value.push_back((v - s.mean) * s.inverse_deviation * w + b);
        e.magnitude.push_back((std::abs(v) + s.magnitude) * s.inverse_deviation * std::abs(w) + std::abs(b));
      }
    }
    return e;
  };
  return c;
}

OpCase group_case(const Shape& x, int64_t groups, bool with_silu, float mean, uint64_t seed, float deviation = 2.0f) {
  const double eps = 1e-6;
  const auto channels = static_cast<size_t>(x[2]), per_group = static_cast<size_t>(x[2] / groups);
  OpCase c{.name = fmt::format("group_norm{} {} groups {} mean {} deviation {}", with_silu ? "_silu" : "", x.str(),
                               groups, mean, deviation),
           .op = with_silu ? &group_norm_silu_op : &group_norm_op,
           .attrs = {{"groups", groups}, {"eps", eps}}};
  c.operands = {{"x", Role::Operand, random_tensor(x, seed, deviation, mean)},
                {"weight", Role::Scale, random_tensor({x[2]}, seed + 1)},
                {"bias", Role::Scale, random_tensor({x[2]}, seed + 2)}};
  c.steps = 2 * sum_steps(x[0] * x[1] * (x[2] / groups)) + 8 + (with_silu ? 10 : 0);
  c.stored_roundings = 1;
  c.formula = [=](const std::vector<Doubles>& in, DType) {
    Expected e{Doubles(in[0].size()), Doubles(in[0].size())};
    for (size_t group = 0; group < channels; group += per_group) {
      const Statistics s = statistics(
          [&](const auto& f) {
            for (size_t pixel = 0; pixel < in[0].size(); pixel += channels)
              for (size_t i = group; i < group + per_group; ++i) f(in[0][pixel + i]);
          },
          eps);
      for (size_t pixel = 0; pixel < in[0].size(); pixel += channels)
        for (size_t i = group; i < group + per_group; ++i) {
          const double v = in[0][pixel + i], y = (v - s.mean) * s.inverse_deviation * in[1][i] + in[2][i];
          const double m = (std::abs(v) + s.magnitude) * s.inverse_deviation * std::abs(in[1][i]) + std::abs(in[2][i]);
          e.value[pixel + i] = with_silu ? y / (1.0 + std::exp(-y)) : y;
          e.magnitude[pixel + i] = with_silu ? 1.1 * m : m;  // |silu'| < 1.1
        }
    }
    return e;
  };
  return c;
}

}  // namespace

std::vector<OpCase> norm_cases() {
  // Deviations of 1e-3 are there for eps.
  return {rms_case({1, 48}, 48, 0.0, 51),
          rms_case({3, 96}, 96, 1.0, 52),
          rms_case({129, 288}, 288, 0.0, 53),
          rms_case({33, 4 * 32}, 32, 0.0, 54),
          rms_case({2, 5, 48}, 48, 1.0, 55),
          rms_case({5, 128}, 128, 0.0, 56, 1e-3f),
          layer_case({1, 48}, true, 0.0f, 61),
          layer_case({3, 128}, false, 0.0f, 62),
          layer_case({129, 288}, true, 5.0f, 63),
          layer_case({5, 96}, true, 0.0f, 64, 1e-3f),
          group_case({1, 1, 32}, 4, false, 0.0f, 71),
          group_case({5, 7, 96}, 32, false, 3.0f, 72),
          group_case({16, 9, 48}, 1, false, 0.0f, 73),
          group_case({5, 7, 96}, 32, true, 3.0f, 74),
          group_case({3, 3, 48}, 16, true, 0.0f, 75),
          group_case({4, 5, 48}, 8, true, 0.0f, 76, 1e-3f),
          gradient_case(rms_norm_gradient_op, {1, 48}, 48, true, 0.0, 81),
          gradient_case(rms_norm_gradient_op, {129, 96}, 96, true, 1.0, 82),
          gradient_case(rms_norm_gradient_op, {33, 4 * 32}, 32, true, 0.0, 83),
          gradient_case(layer_norm_gradient_op, {3, 128}, 128, false, 0.0, 84),
          gradient_case(layer_norm_gradient_op, {129, 96}, 96, true, 0.0, 85, 5.0f)};
}

}  // namespace newbie::test
