// Made-up adapters of every kind, and what they do to a weight in double, by the plain formulas.
#pragma once

#include <cmath>
#include <vector>

#include "adapters/change.h"
#include "support/tensors.h"

namespace newbie::test {

using Doubles = std::vector<double>;

struct MadeMatrix {
  int64_t rows, columns;
  Doubles values;

  double& at(int64_t r, int64_t c) { return values[static_cast<size_t>(r * columns + c)]; }
  double at(int64_t r, int64_t c) const { return values[static_cast<size_t>(r * columns + c)]; }
};

inline DerivedTensor made(const Shape& shape, uint64_t seed, float deviation = 1, float mean = 0) {
  return held_tensor(shape, random_tensor(shape, seed, deviation, mean).values);
}

inline MadeMatrix matrix_of(const DerivedTensor& tensor) {
  const std::vector<float> values = values_of(tensor);
  return {tensor.spec.shape[0], tensor.spec.shape.rank() == 2 ? tensor.spec.shape[1] : 1,
          Doubles(values.begin(), values.end())};
}

inline MadeMatrix product(const MadeMatrix& a, const MadeMatrix& b) {
  MadeMatrix out{a.rows, b.columns, Doubles(static_cast<size_t>(a.rows * b.columns))};
  for (int64_t r = 0; r < a.rows; ++r)
    for (int64_t k = 0; k < a.columns; ++k)
      for (int64_t c = 0; c < b.columns; ++c) out.at(r, c) += a.at(r, k) * b.at(k, c);
  return out;
}

// Δ without the scale.
inline MadeMatrix delta_of(const AdapterChange& change) {
  const auto factor = [&](size_t i) { return matrix_of(change.factors[i]); };
  switch (change.kind) {
    case ChangeKind::LowRank: return product(factor(1), factor(0));
    case ChangeKind::Kronecker: {
      const MadeMatrix a = factor(0), b = factor(1);
      MadeMatrix out{a.rows * b.rows, a.columns * b.columns, {}};
      out.values.resize(a.values.size() * b.values.size());
      for (int64_t r = 0; r < out.rows; ++r)
        for (int64_t c = 0; c < out.columns; ++c)
          out.at(r, c) = a.at(r / b.rows, c / b.columns) * b.at(r % b.rows, c % b.columns);
      return out;
    }
    case ChangeKind::Hadamard: {
      MadeMatrix out = product(factor(0), factor(1));
      const MadeMatrix other = product(factor(2), factor(3));
      for (size_t i = 0; i < out.values.size(); ++i) out.values[i] *= other.values[i];
      return out;
    }
    default: return factor(0);
  }
}

// w after one change more.
inline void change_in_double(MadeMatrix& w, const AppliedChange& applied) {
  const AdapterChange& change = applied.change;
  const MadeMatrix delta = delta_of(change);
  const auto mine = [&](int64_t r) { return change.first_row + r; };
  MadeMatrix v{change.rows, w.columns, Doubles(delta.values.size())};
  for (int64_t r = 0; r < change.rows; ++r)
    for (int64_t c = 0; c < w.columns; ++c)
      v.at(r, c) =
          change.kind == ChangeKind::Replacement ? delta.at(r, c) : w.at(mine(r), c) + change.scale * delta.at(r, c);
  if (change.magnitude) {
    const MadeMatrix magnitude = matrix_of(change.magnitude->values);
    const bool by_input = change.magnitude->by_input;
    Doubles norms(magnitude.values.size());
    for (int64_t r = 0; r < v.rows; ++r)
      for (int64_t c = 0; c < v.columns; ++c) norms[static_cast<size_t>(by_input ? c : r)] += v.at(r, c) * v.at(r, c);
    for (int64_t r = 0; r < v.rows; ++r)
      for (int64_t c = 0; c < v.columns; ++c) {
        const auto i = static_cast<size_t>(by_input ? c : r);
        v.at(r, c) *= magnitude.values[i] / std::sqrt(norms[i]);
      }
  }
  for (int64_t r = 0; r < v.rows; ++r)
    for (int64_t c = 0; c < v.columns; ++c) w.at(mine(r), c) += applied.strength * (v.at(r, c) - w.at(mine(r), c));
}

// A change of rows [first, first + rows) of a weight `shape`, of small numbers; kinds that need rows and columns that
// are multiples of 2 get them.
inline AdapterChange made_change(ChangeKind kind, const Shape& shape, int64_t first, int64_t rows, uint64_t seed) {
  AdapterChange change{.weight = "layers.0.attention.qkv.weight", .shape = shape, .first_row = first, .rows = rows};
  change.kind = kind;
  change.key = "made";
  change.scale = 0.5;
  const int64_t columns = change.columns();
  switch (kind) {
    case ChangeKind::LowRank: change.factors = {made({3, columns}, seed), made({rows, 3}, seed + 1, 0.1f)}; break;
    case ChangeKind::Kronecker:
      change.factors = {made({2, 2}, seed), made({rows / 2, columns / 2}, seed + 1, 0.1f)};
      break;
    case ChangeKind::Hadamard:
      change.factors = {made({rows, 2}, seed), made({2, columns}, seed + 1, 0.3f), made({rows, 3}, seed + 2),
                        made({3, columns}, seed + 3, 0.3f)};
      break;
    default: change.factors = {made(shape.rank() == 2 ? Shape{rows, columns} : Shape{rows}, seed, 0.1f)}; break;
  }
  return change;
}

}  // namespace newbie::test
