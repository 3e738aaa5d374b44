#include "adapters/extract.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/checked.h"
#include "core/error.h"
#include "core/random.h"

namespace newbie {

namespace {

constexpr int64_t kMoreColumns = 8;  // of the subspace, beyond the rank
constexpr int kPowerSteps = 4;
constexpr int64_t kRowsOfTask = 64;

// Row-major, in double but for the large one.
struct Columns {
  int64_t rows, count;
  std::vector<double> values;
  Columns(int64_t r, int64_t c) : rows(r), count(c), values(static_cast<size_t>(r * c)) {}
  double* row(int64_t r) { return values.data() + r * count; }
  const double* row(int64_t r) const { return values.data() + r * count; }
};

struct Large {
  int64_t rows, columns;
  std::vector<float> values;
  const float* row(int64_t r) const { return values.data() + r * columns; }
};

// a · q
Columns times_right(const Large& a, const Columns& q, ThreadPool& threads) {
  Columns out(a.rows, q.count);
  threads.run(ceil_div(a.rows, kRowsOfTask), [&](int64_t task, int) {
    for (int64_t r = task * kRowsOfTask; r < std::min(a.rows, (task + 1) * kRowsOfTask); ++r)
      for (int64_t i = 0; i < a.columns; ++i) {
        const double x = a.row(r)[i];
        for (int64_t c = 0; c < q.count; ++c) out.row(r)[c] += x * q.row(i)[c];
      }
  });
  return out;
}

// aᵀ · q, each task its own columns of a.
Columns times_left(const Large& a, const Columns& q, ThreadPool& threads) {
  Columns out(a.columns, q.count);
  threads.run(ceil_div(a.columns, kRowsOfTask), [&](int64_t task, int) {
    const int64_t first = task * kRowsOfTask, end = std::min(a.columns, first + kRowsOfTask);
    for (int64_t r = 0; r < a.rows; ++r)
      for (int64_t i = first; i < end; ++i) {
        const double x = a.row(r)[i];
        for (int64_t c = 0; c < q.count; ++c) out.row(i)[c] += x * q.row(r)[c];
      }
  });
  return out;
}

// Modified Gram–Schmidt, twice; a column that is nothing beside the others becomes zeros.
void orthonormalise(Columns& q) {
  const auto dot = [&](int64_t a, int64_t b) {
    double sum = 0;
    for (int64_t r = 0; r < q.rows; ++r) sum += q.row(r)[a] * q.row(r)[b];
    return sum;
  };
  for (int64_t c = 0; c < q.count; ++c) {
    const double before = std::sqrt(dot(c, c));
    for (int pass = 0; pass < 2; ++pass)
      for (int64_t other = 0; other < c; ++other) {
        const double along = dot(c, other);
        for (int64_t r = 0; r < q.rows; ++r) q.row(r)[c] -= along * q.row(r)[other];
      }
    const double norm = std::sqrt(dot(c, c));
    const double scale = norm > 1e-12 * before && norm > 0 ? 1 / norm : 0;
    for (int64_t r = 0; r < q.rows; ++r) q.row(r)[c] *= scale;
  }
}

// Eigenvectors of a symmetric matrix as columns, and its eigenvalues, by cyclic Jacobi rotations.
std::vector<double> eigenvectors(Columns& matrix, Columns& vectors) {
  const int64_t n = matrix.count;
  for (int64_t i = 0; i < n; ++i) vectors.row(i)[i] = 1;
  for (int sweep = 0; sweep < 60; ++sweep) {
    double off = 0, all = 0;
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = 0; j < n; ++j) {
        const double square = matrix.row(i)[j] * matrix.row(i)[j];
        all += square;
        if (i != j) off += square;
      }
    if (off <= 1e-28 * all) break;
    for (int64_t p = 0; p < n; ++p)
      for (int64_t q = p + 1; q < n; ++q) {
        const double apq = matrix.row(p)[q];
        if (apq == 0) continue;
        const double theta = (matrix.row(q)[q] - matrix.row(p)[p]) / (2 * apq);
        const double t = (theta >= 0 ? 1 : -1) / (std::abs(theta) + std::sqrt(theta * theta + 1));
        const double c = 1 / std::sqrt(t * t + 1), s = t * c;
        const auto rotate = [c, s](double& a, double& b) {
          const double x = a, y = b;
          a = c * x - s * y;
          b = s * x + c * y;
        };
        for (int64_t i = 0; i < n; ++i) rotate(matrix.row(i)[p], matrix.row(i)[q]);
        for (int64_t i = 0; i < n; ++i) rotate(matrix.row(p)[i], matrix.row(q)[i]);
        for (int64_t i = 0; i < n; ++i) rotate(vectors.row(i)[p], vectors.row(i)[q]);
      }
  }
  std::vector<double> values;
  for (int64_t i = 0; i < n; ++i) values.push_back(matrix.row(i)[i]);
  return values;
}

double squared_norm(const std::vector<float>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0,
                         [](double sum, float x) { return sum + static_cast<double>(x) * static_cast<double>(x); });
}

double squared_error(const Large& a, const std::vector<float>& up, const std::vector<float>& down, int64_t rank) {
  double sum = 0;
  std::vector<double> line(static_cast<size_t>(a.columns));
  for (int64_t r = 0; r < a.rows; ++r) {
    std::copy_n(a.row(r), a.columns, line.begin());
    for (int64_t k = 0; k < rank; ++k) {
      const double x = up[static_cast<size_t>(r * rank + k)];
      for (int64_t c = 0; c < a.columns; ++c)
        line[static_cast<size_t>(c)] -= x * static_cast<double>(down[static_cast<size_t>(k * a.columns + c)]);
    }
    for (const double x : line) sum += x * x;
  }
  return sum;
}

}  // namespace

LowRankApproximation low_rank_near(const DerivedTensor& delta, int64_t rank, ThreadPool& threads) {
  const Shape& shape = delta.spec.shape;
  if (shape.rank() != 2 || rank < 1) fail(ErrorKind::Internal, "rank {} near a tensor of {}", rank, shape.str());
  const Large a{shape[0], shape[1], values_of(delta)};
  const int64_t most = std::min(a.rows, a.columns);
  rank = std::min(rank, most);
  const int64_t count = std::min(rank + kMoreColumns, most);

  Columns right(a.columns, count);
  std::vector<float> start(std::max<size_t>(right.values.size(), 16));  // the generator's least
  TorchGenerator(2011).normal(start);
  std::copy_n(start.begin(), right.values.size(), right.values.begin());
  Columns left(0, 0);
  for (int step = 0; step <= kPowerSteps; ++step) {
    orthonormalise(right);
    left = times_right(a, right, threads);
    orthonormalise(left);
    right = times_left(a, left, threads);  // at the end: a is nearly left · rightᵀ
  }

  Columns gram(count, count), vectors(count, count);
  for (int64_t i = 0; i < count; ++i)
    for (int64_t j = 0; j < count; ++j)
      for (int64_t r = 0; r < right.rows; ++r) gram.row(i)[j] += right.row(r)[i] * right.row(r)[j];
  const std::vector<double> squares = eigenvectors(gram, vectors);
  std::vector<int64_t> order(static_cast<size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, std::greater<>(), [&](int64_t i) { return squares[static_cast<size_t>(i)]; });

  std::vector<float> up(static_cast<size_t>(a.rows * rank)), down(static_cast<size_t>(rank * a.columns));
  for (int64_t k = 0; k < rank; ++k) {
    const int64_t from = order[static_cast<size_t>(k)];
    const double root = std::sqrt(std::sqrt(std::max(squares[static_cast<size_t>(from)], 0.0)));
    if (root == 0) continue;
    for (int64_t i = 0; i < count; ++i) {
      const double x = vectors.row(i)[from];
      for (int64_t r = 0; r < a.rows; ++r)
        up[static_cast<size_t>(r * rank + k)] += static_cast<float>(root * x * left.row(r)[i]);
      for (int64_t c = 0; c < a.columns; ++c)
        down[static_cast<size_t>(k * a.columns + c)] += static_cast<float>(x / root * right.row(c)[i]);
    }
  }
  const double all = squared_norm(a.values);
  LowRankApproximation out;
  out.error = all > 0 ? std::sqrt(squared_error(a, up, down, rank) / all) : 0;
  out.down = held_tensor({rank, a.columns}, std::move(down));
  out.up = held_tensor({a.rows, rank}, std::move(up));
  return out;
}

Extracted extract_adapter(AdapterPart part, const WeightStore& from, const WeightStore& to, const Extraction& how,
                          ThreadPool& threads) {
  for (const auto& [a, b] : {std::pair(&from, &to), std::pair(&to, &from)})
    for (const std::string& name : a->names()) {
      const auto here = a->find(name), there = b->find(name);
      if (!there || !(there->shape == here->shape))
        fail(ErrorKind::BadFile, "{}: expected it in both models with one shape, got {} and {}", name,
             here->shape.str(), there ? there->shape.str() : "none");
    }
  Extracted out;
  double all = 0, lost = 0;
  for (const std::string& name : from.names()) {
    how.stop.throw_if_stopped();
    std::vector<float> delta = values_of(to.tensor(name));
    const std::vector<float> before = values_of(from.tensor(name));
    for (size_t i = 0; i < delta.size(); ++i) delta[i] -= before[i];
    if (std::ranges::all_of(delta, [](float x) { return x == 0; })) {
      ++out.unchanged;
      continue;
    }
    AdapterChange change{.part = part, .weight = name, .shape = from.find(name)->shape, .kind = ChangeKind::Difference};
    change.rows = change.shape[0];
    change.key = name;
    double error = 0;
    const double size = squared_norm(delta);
    DerivedTensor difference = held_tensor(change.shape, std::move(delta));
    if (how.rank > 0 && change.shape.rank() == 2) {
      LowRankApproximation near = low_rank_near(difference, how.rank, threads);
      error = near.error;
      change.kind = ChangeKind::LowRank;
      change.factors = {std::move(near.down), std::move(near.up)};
    } else {
      change.factors = {std::move(difference)};
    }
    all += size;
    lost += error * error * size;
    if (how.on_weight) how.on_weight(name, error);
    out.changes.push_back(std::move(change));
  }
  out.error = all > 0 ? std::sqrt(lost / all) : 0;
  return out;
}

}  // namespace newbie
