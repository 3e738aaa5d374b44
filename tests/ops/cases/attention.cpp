#include "graph/ops/attention.h"

#include <algorithm>
#include <cmath>

#include "ops/cases.h"
#include "support/close.h"

namespace newbie::test {

namespace {

bool sees(int64_t query, int64_t key, AttentionMask mask) {
  if (!mask.causal) return true;
  return key <= query && (mask.window == 0 || key > query - mask.window);
}

std::string words(AttentionMask mask) {
  return mask.causal ? fmt::format(" causal window {}", mask.window) : std::string();
}

// Probabilities of one query from its scores (scaled already); a relative error e in the scores' products moves their
// logarithms by `sensitivity` · e at most, both through the score and through the sum.
struct Softmax {
  Doubles p;
  double sensitivity = 0;
};
Softmax softmax(const Doubles& scores, const Doubles& magnitudes, int64_t query, AttentionMask mask) {
  Softmax s{Doubles(scores.size(), 0.0)};
  double largest = -INFINITY, sum = 0;
  for (size_t j = 0; j < scores.size(); ++j)
    if (sees(query, static_cast<int64_t>(j), mask)) {
      largest = std::max(largest, scores[j]);
      s.sensitivity = std::max(s.sensitivity, 2.0 * magnitudes[j]);
    }
  for (size_t j = 0; j < scores.size(); ++j)
    if (sees(query, static_cast<int64_t>(j), mask)) sum += s.p[j] = std::exp(scores[j] - largest);
  for (double& p : s.p) p /= sum;
  return s;
}

OpCase attention_case(int64_t queries, int64_t keys, int64_t heads, int64_t kv_heads, int64_t d, AttentionMask mask,
                      uint64_t seed) {
  const double scale = 1.0 / std::sqrt(static_cast<double>(d));
  OpCase c{.name = fmt::format("attention {}x{} heads {}/{} of {}{}", queries, keys, heads, kv_heads, d, words(mask)),
           .op = &attention_op,
           .attrs = {{"heads", heads},
                     {"kv_heads", kv_heads},
                     {"scale", scale},
                     {"causal", int64_t{mask.causal}},
                     {"window", mask.window}}};
  c.operands = {{"q", Role::Operand, random_tensor({queries, heads * d}, seed)},
                {"k", Role::Operand, random_tensor({keys, kv_heads * d}, seed + 1)},
                {"v", Role::Operand, random_tensor({keys, kv_heads * d}, seed + 2)}};
  c.steps = sum_steps(d) + sum_steps(keys) + 12;
  c.compute_steps = 1;     // the probabilities
  c.stored_roundings = 2;  // the scores too
  c.formula = [=](const std::vector<Doubles>& in, DType) {
    Expected e{Doubles(static_cast<size_t>(queries * heads * d)), Doubles(static_cast<size_t>(queries * heads * d))};
    for (int64_t head = 0; head < heads; ++head)
      for (int64_t query = 0; query < queries; ++query) {
        const auto row = static_cast<size_t>(query * heads * d + head * d);
        const auto kv = static_cast<size_t>(head / (heads / kv_heads) * d);
        const auto width = static_cast<size_t>(kv_heads * d), n = static_cast<size_t>(d);
        Doubles scores, magnitudes;
        for (size_t key = 0; key < static_cast<size_t>(keys); ++key) {
          double s = 0, m = 0;
          for (size_t i = 0; i < n; ++i) {
            s += in[0][row + i] * in[1][key * width + kv + i];
            m += std::abs(in[0][row + i] * in[1][key * width + kv + i]);
          }
          scores.push_back(scale * s);
          magnitudes.push_back(scale * m);
        }
        const Softmax s = softmax(scores, magnitudes, query, mask);
        for (size_t i = 0; i < n; ++i)
          for (size_t key = 0; key < s.p.size(); ++key) {
            const double term = s.p[key] * in[2][key * width + kv + i];
            e.value[row + i] += term;
            e.magnitude[row + i] += std::abs(term) * (1.0 + s.sensitivity);
          }
      }
    return e;
  };
  return c;
}

OpCase softmax_case(const Shape& shape, AttentionMask mask, uint64_t seed) {
  const double scale = 0.3;
  OpCase c{.name = fmt::format("attention_softmax {}{}", shape.str(), words(mask)),
           .op = &attention_softmax_op,
           .attrs = {{"scale", scale}, {"causal", int64_t{mask.causal}}, {"window", mask.window}}};
  c.operands = {{"scores", Role::Operand, random_tensor(shape, seed, 8.0f)}};
  c.steps = sum_steps(shape[2]) + 12;
  c.formula = [=](const std::vector<Doubles>& in, DType) {
    Expected e;
    const auto n = static_cast<size_t>(shape[2]);
    for (size_t row = 0; row < static_cast<size_t>(shape.rows()); ++row) {
      Doubles scores, magnitudes;
      for (size_t j = 0; j < n; ++j) {
        scores.push_back(scale * in[0][row * n + j]);
        magnitudes.push_back(std::abs(scores.back()));
      }
      const Softmax s = softmax(scores, magnitudes, static_cast<int64_t>(row) % shape[1], mask);
      for (double p : s.p) {
        e.value.push_back(p);
        e.magnitude.push_back(p * (1.0 + s.sensitivity));
      }
    }
    return e;
  };
  return c;
}

OpCase softmax_gradient_case(const Shape& shape, uint64_t seed) {
  const double scale = 0.3;
  OpCase c{.name = fmt::format("attention_softmax_gradient {}", shape.str()),
           .op = &attention_softmax_gradient_op,
           .attrs = {{"scale", scale}}};
  Tensor p = random_tensor(shape, seed);
  for (float& v : p.values) v = std::abs(v) / static_cast<float>(shape[2]);
  c.operands = {{"p", Role::Operand, std::move(p)}, {"dp", Role::Operand, random_tensor(shape, seed + 1)}};
  c.steps = sum_steps(shape[2]) + 4;
  c.formula = [=](const std::vector<Doubles>& in, DType) {
    Expected e;
    const auto n = static_cast<size_t>(shape[2]);
    for (size_t row = 0; row < static_cast<size_t>(shape.rows()); ++row) {
      double along = 0, size = 0;
      for (size_t j = row * n; j < (row + 1) * n; ++j) {
        along += in[0][j] * in[1][j];
        size += std::abs(in[0][j] * in[1][j]);
      }
      for (size_t j = row * n; j < (row + 1) * n; ++j) {
        e.value.push_back(scale * in[0][j] * (in[1][j] - along));
        e.magnitude.push_back(scale * std::abs(in[0][j]) * (std::abs(in[1][j]) + size));
      }
    }
    return e;
  };
  return c;
}

}  // namespace

std::vector<OpCase> attention_cases() {
  return {attention_case(1, 1, 1, 1, 16, {}, 31),
          attention_case(3, 3, 4, 2, 32, {}, 32),
          attention_case(129, 129, 6, 2, 48, {}, 33),
          attention_case(3, 129, 2, 2, 64, {}, 34),
          attention_case(129, 7, 3, 1, 96, {}, 35),
          attention_case(33, 33, 4, 4, 32, {.causal = true}, 36),
          attention_case(129, 129, 4, 2, 32, {.causal = true, .window = 48}, 37),
          attention_case(17, 17, 8, 4, 16, {.causal = true, .window = 1}, 38),
          attention_case(5, 5, 2, 1, 16, {.causal = true, .window = 100}, 39)};
}

std::vector<OpCase> attention_softmax_cases() {
  return {softmax_case({1, 1, 1}, {}, 41),
          softmax_case({3, 5, 129}, {}, 42),
          softmax_case({2, 33, 33}, {.causal = true}, 43),
          softmax_case({4, 40, 40}, {.causal = true, .window = 7}, 44),
          softmax_gradient_case({1, 1, 1}, 45),
          softmax_gradient_case({3, 5, 129}, 46)};
}

}  // namespace newbie::test
