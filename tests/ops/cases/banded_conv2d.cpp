#include "graph/ops/banded_conv2d.h"

#include <cmath>

#include "ops/cases.h"
#include "support/close.h"

namespace newbie::test {

namespace {

// A picture on its way through the parts: values, and how far a relative error of 1 in any number would move them.
struct Picture {
  Shape shape;
  Doubles value, magnitude;

  size_t at(int64_t row, int64_t column, int64_t channel) const {
    return static_cast<size_t>((row * shape[1] + column) * shape[2] + channel);
  }
  void resize(const Shape& s) {
    shape = s;
    value.assign(s.elements(), 0);
    magnitude.assign(s.elements(), 0);
  }
};

Picture enlarged(const Picture& x) {
  Picture out;
  out.resize({2 * x.shape[0], 2 * x.shape[1], x.shape[2]});
  for (int64_t r = 0; r < out.shape[0]; ++r)
    for (int64_t q = 0; q < out.shape[1]; ++q)
      for (int64_t c = 0; c < out.shape[2]; ++c) {
        out.value[out.at(r, q, c)] = x.value[x.at(r / 2, q / 2, c)];
        out.magnitude[out.at(r, q, c)] = x.magnitude[x.at(r / 2, q / 2, c)];
      }
  return out;
}

Picture convolved(const Picture& x, const Shape& w, const Doubles& weight, const Doubles& bias, int64_t pad) {
  Picture out;
  out.resize({x.shape[0] + 2 * pad - w[2] + 1, x.shape[1] + 2 * pad - w[3] + 1, w[0]});
  for (int64_t r = 0; r < out.shape[0]; ++r)
    for (int64_t q = 0; q < out.shape[1]; ++q)
      for (int64_t o = 0; o < w[0]; ++o) {
        double y = bias[static_cast<size_t>(o)], m = std::abs(y);
        for (int64_t dy = 0; dy < w[2]; ++dy)
          for (int64_t dx = 0; dx < w[3]; ++dx)
            for (int64_t i = 0; i < w[1]; ++i) {
              const int64_t sy = r - pad + dy, sx = q - pad + dx;
              if (sy < 0 || sx < 0 || sy >= x.shape[0] || sx >= x.shape[1]) continue;
              const double by = weight[static_cast<size_t>(((o * w[1] + i) * w[2] + dy) * w[3] + dx)];
              y += by * x.value[x.at(sy, sx, i)];
              m += std::abs(by) * x.magnitude[x.at(sy, sx, i)];
            }
        out.value[out.at(r, q, o)] = y;
        out.magnitude[out.at(r, q, o)] = m;
      }
  return out;
}

// silu of the norm. An error of x moves a result directly, and through the group's mean and deviation.
void normalize(Picture& x, int64_t groups, double eps, const Doubles& weight, const Doubles& bias) {
  const int64_t channels = x.shape[2], width = channels / groups;
  const double count = static_cast<double>(x.shape[0] * x.shape[1] * width);
  for (int64_t g = 0; g < channels; g += width) {
    const auto each = [&](const auto& f) {
      for (int64_t r = 0; r < x.shape[0]; ++r)
        for (int64_t q = 0; q < x.shape[1]; ++q)
          for (int64_t c = g; c < g + width; ++c) f(x.value[x.at(r, q, c)], x.magnitude[x.at(r, q, c)], c);
    };
    double mean = 0, variance = 0, squares = 0;
    each([&](double v, double m, int64_t) { mean += v / count, squares += m * m / count; });
    each([&](double v, double, int64_t) { variance += (v - mean) * (v - mean) / count; });
    const double inverse = 1.0 / std::sqrt(variance + eps), typical = std::sqrt(squares);
    each([&](double& v, double& m, int64_t c) {
      const double w = weight[static_cast<size_t>(c)], b = bias[static_cast<size_t>(c)], z = (v - mean) * inverse;
      const double y = z * w + b;
      m = 1.1 * ((m + typical + std::abs(z) * typical) * inverse * std::abs(w) + std::abs(b));  // |silu'| < 1.1
      v = y / (1.0 + std::exp(-y));
    });
  }
}

struct Sizes {
  int64_t height, width, in, middle, out, kernel;
};

OpCase banded_case(const BandedConv& parts, const Sizes& s, uint64_t seed) {
  BandedConv p = parts;
  const int64_t pad = s.kernel / 2;
  p.padding = {pad, pad, pad, pad};
  p.eps = 1e-6;
  const Shape first{s.middle, s.in, 3, 3}, last{s.out, s.middle, s.kernel, s.kernel};
  OpCase c{
      .name = fmt::format("banded_conv2d {}x{} {}{}{}{} {} {} {}", s.height, s.width, p.upsampled ? "u" : "",
                          p.first ? "f" : "", p.groups > 0 ? "n" : "", p.residual ? "r" : "", s.in, s.middle, s.out),
      .op = &banded_conv2d_op,
      .attrs = p.attrs()};
  const auto add = [&](const char* name, Role role, const Shape& shape, float deviation, float mean = 0) {
    c.operands.push_back({name, role, random_tensor(shape, seed++, deviation, mean)});
  };
  add("x", Role::Operand, {s.height, s.width, s.in}, 1.0f);
  if (p.first) {
    add("first.weight", Role::Matrix, first, 0.2f);
    add("first.bias", Role::Scale, {s.middle}, 0.5f);
  }
  if (p.groups > 0) {
    add("norm.weight", Role::Scale, {s.middle}, 0.3f, 1.0f);
    add("norm.bias", Role::Scale, {s.middle}, 0.5f);
  }
  add("weight", Role::Matrix, last, 0.2f);
  add("bias", Role::Scale, {s.out}, 0.5f);
  const int64_t scale = p.upsampled ? 2 : 1;
  if (p.residual) add("residual", Role::Operand, {scale * s.height, scale * s.width, s.out}, 1.0f);

  // Parts whose result another one reads.
  const int inner = (p.first ? 1 : 0) + (p.groups > 0 ? 1 : 0) + (p.residual ? 1 : 0);
  c.stored_roundings = inner;
  c.compute_steps = inner;
  c.float_arithmetic = inner > 0;  // each part stores its result
  c.steps = sum_steps(s.middle * s.kernel * s.kernel) + 4;
  if (p.first) c.steps += sum_steps(s.in * 9) + 2;
  if (p.groups > 0) c.steps += 2 * sum_steps(scale * scale * s.height * s.width * (s.middle / p.groups)) + 18;
  c.formula = [=](const std::vector<Doubles>& in, DType) {
    Picture v{{s.height, s.width, s.in}, in[0], in[0]};
    for (double& m : v.magnitude) m = std::abs(m);
    if (p.upsampled) v = enlarged(v);
    if (p.first) v = convolved(v, first, in[1], in[2], 1);
    if (p.groups > 0) normalize(v, p.groups, p.eps, in[p.norm_weight()], in[p.norm_weight() + 1]);
    v = convolved(v, last, in[p.weight()], in[p.weight() + 1], pad);
    if (p.residual)
      for (size_t i = 0; i < v.value.size(); ++i) {
        v.value[i] += in[p.residual_operand()][i];
        v.magnitude[i] += std::abs(in[p.residual_operand()][i]);
      }
    return Expected{v.value, v.magnitude};
  };
  return c;
}

}  // namespace

// More rows than a band has, a band of one row, and pictures smaller than a band.
std::vector<OpCase> banded_conv2d_cases() {
  return {banded_case({.groups = 4}, {7, 5, 32, 32, 16, 3}, 301),
          banded_case({.groups = 2, .residual = true}, {33, 6, 16, 16, 16, 3}, 302),
          banded_case({.upsampled = true}, {18, 5, 16, 16, 32, 3}, 303),
          banded_case({.upsampled = true, .first = true}, {17, 4, 16, 16, 8, 1}, 304),
          banded_case({.upsampled = true, .first = true, .groups = 4}, {20, 4, 16, 16, 16, 3}, 305),
          banded_case({.first = true, .groups = 3, .residual = true}, {3, 9, 5, 6, 7, 3}, 306),
          banded_case({.upsampled = true, .groups = 2}, {1, 1, 4, 4, 3, 3}, 307)};
}

}  // namespace newbie::test
