#include "evaluate/u_statistic.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>

#include "evaluate/student.h"

namespace newbie::u_statistic {

namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;
using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

constexpr size_t kBlock = 256;

Eigen::Index at(size_t n) { return static_cast<Eigen::Index>(n); }

// What one pass over a matrix of pairs gathers.
struct Pass {
  VectorXd row_sums, column_sums;
  double total = 0, squares = 0;
  VectorXd forms;  // u_rᵀ M v_r for each column r of the weights
};

// Blocks of rows on all threads, each added up by itself and all of them in order: the same bytes for any number of
// threads. The diagonal is left out of a matrix of one sample.
Pass pass_over(const PairMatrix& matrix, bool one_sample, const MatrixXd& u, const MatrixXd& v, ThreadPool& pool,
               const std::function<void(size_t)>& on_rows) {
  const size_t blocks = (matrix.rows + kBlock - 1) / kBlock;
  struct Sums {
    VectorXd columns, forms;
    double squares = 0;
  };
  Pass out{.row_sums = VectorXd::Zero(at(matrix.rows)),
           .column_sums = VectorXd::Zero(at(matrix.columns)),
           .forms = VectorXd::Zero(u.cols())};
  const auto at_once = static_cast<size_t>(pool.size());
  for (size_t first = 0; first < blocks; first += at_once) {
    const size_t count = std::min(at_once, blocks - first);
    std::vector<Sums> sums(count);
    pool.run(static_cast<int64_t>(count), [&](int64_t task, int) {
      const size_t row = (first + static_cast<size_t>(task)) * kBlock, rows = std::min(kBlock, matrix.rows - row);
      std::vector<double> values = matrix.block(row, rows);
      Eigen::Map<RowMajor> m(values.data(), at(rows), at(matrix.columns));
      if (one_sample)
        for (size_t i = 0; i < rows; ++i) m(at(i), at(row + i)) = 0;
      Sums& here = sums[static_cast<size_t>(task)];
      out.row_sums.segment(at(row), at(rows)) = m.rowwise().sum();
      here.columns = m.colwise().sum().transpose();
      here.squares = m.squaredNorm();
      here.forms = ((m * v).array() * u.middleRows(at(row), at(rows)).array()).colwise().sum().transpose();
    });
    for (const Sums& s : sums) {
      out.column_sums += s.columns;
      out.squares += s.squares;
      out.forms += s.forms;
    }
    on_rows(std::min(matrix.rows, (first + count) * kBlock));
  }
  out.total = out.row_sums.sum();
  return out;
}

// E h̃², the variance of pairs alone, from a symmetric matrix without its diagonal: the U-centred squares (Székely and
// Rizzo 2014, as Song et al. 2012 write them).
double pair_variance(const Pass& p, double n) {
  const double sum = p.squares - 2 / (n - 2) * p.row_sums.squaredNorm() + p.total * p.total / ((n - 1) * (n - 2));
  return std::max(0.0, sum / (n * (n - 3)));
}

// The same between two samples: the mean square of interactions.
double cross_variance(const Pass& p, double m, double n) {
  const double sum =
      p.squares - p.row_sums.squaredNorm() / n - p.column_sums.squaredNorm() / m + p.total * p.total / (m * n);
  return std::max(0.0, sum / ((m - 1) * (n - 1)));
}

// How often each row is drawn in a resample, less once: a column a resample.
MatrixXd multipliers(size_t rows, uint64_t stream, const BootstrapOptions& options) {
  MatrixXd out(at(rows), at(options.resamples));
  for (size_t r = 0; r < options.resamples; ++r) {
    Draws draws(options.seed, 2 * r + stream);
    const RowCounts counts = resample(rows, draws);
    for (size_t i = 0; i < rows; ++i) out(at(i), at(r)) = static_cast<double>(counts[i]) - 1;
  }
  return out;
}

// Σ_{i≠j} w_i w_j h̃_ij of a U-centred matrix, where Σ w = 0.
VectorXd centred_forms(const Pass& p, const MatrixXd& w, double n) {
  const MatrixXd squares = w.array().square();
  return p.forms + 2 / (n - 2) * (squares.transpose() * p.row_sums) -
         p.total / ((n - 1) * (n - 2)) * squares.colwise().sum().transpose();
}

// One sample's share of the statistic.
struct Side {
  double n = 0;
  Pass pass;
  MatrixXd weights;
  VectorXd projection;  // of each row: half of what the statistic changes by it, times n
  double pairs = 0;     // E h̃²
};

// Var(g) of the projections is larger by what pairs add to them; without that it may fall below 0.
double row_variance(const Side& side, double cross, double other_n) {
  const VectorXd g = 2 * (side.projection.array() - side.projection.mean());
  const double seen = g.squaredNorm() / (side.n - 1), mine = 1 / (side.n - 1);
  double out = seen - 4 * side.pairs * (mine - mine * mine);
  if (other_n > 0) out -= 4 * cross / other_n;
  return out / side.n;
}

double seen_variance(const Side& side) {
  const VectorXd g = 2 * (side.projection.array() - side.projection.mean());
  return g.squaredNorm() / (side.n - 1) / side.n;
}

VectorXd first_order(const Side& side) {
  const VectorXd g = 2 * (side.projection.array() - side.projection.mean());
  return side.weights.transpose() * g / side.n;
}

struct Parts {
  double value = 0;
  double of_rows = 0, of_pairs = 0, seen = 0;  // variances: unbiased, and as the resampled first part has it
  size_t fewest = 0;
  VectorXd first, second;  // resampled
};

// Where θ = value − the quantile of what chance adds to θ.
double bound(const Parts& p, Slope slope, double share, double widen) {
  // Near 0 the slope is 0 / 0 in the data. It is drawn towards that of a mean μ in k directions of equal noise s:
  // |μ + s z|² − k s² has variance 4 μ² s² + 2 k s⁴ (noncentral χ²), rows' part and pairs'. At μ² = √(2 k) s², which is
  // one deviation of the pairs, the rows' is √(8 / k) of the pairs': a half at k = 32.
  constexpr double kRowsAtNoise = 0.5;
  const double noise = std::sqrt(p.of_pairs), rows = std::max(p.of_rows, 0.0);
  const double level = std::max(p.value, 0.0) + noise;
  const double rise = level > 0 ? (rows + kRowsAtNoise * p.of_pairs) / level : 0;
  std::vector<double> draws(static_cast<size_t>(p.first.size()));
  double theta = std::max(p.value, 0.0);
  constexpr int kRounds = 20;
  for (int round = 0; round < (slope == Slope::Level ? 1 : kRounds); ++round) {
    const double variance = slope == Slope::Level ? rows : rise * std::max(theta, 0.0);
    const double factor = p.seen > 0 ? widen * std::sqrt(variance / p.seen) : 0;
    Eigen::Map<VectorXd>(draws.data(), p.first.size()) = factor * p.first + p.second;
    theta = p.value - quantile_of(draws, share);
  }
  return theta;
}

Parts parts_of(const Pairs& pairs, const BootstrapOptions& options, ThreadPool& pool, const Watch& watch) {
  const auto side_of = [&](const PairMatrix& matrix, uint64_t stream, const std::function<void(size_t)>& told) {
    Side side{.n = static_cast<double>(matrix.rows), .weights = multipliers(matrix.rows, stream, options)};
    side.pass = pass_over(matrix, true, side.weights, side.weights, pool, told);
    side.projection = side.pass.row_sums / (side.n - 1);
    side.pairs = side.n > 3 ? pair_variance(side.pass, side.n) : 0;
    return side;
  };
  const size_t all = pairs.a.rows + (pairs.b ? pairs.b->rows : 0) + (pairs.c ? pairs.c->rows : 0);
  size_t before = 0;
  const auto told = [&](size_t rows) {
    watch.stop.throw_if_stopped();
    watch.on_item(before + rows, all);
  };
  Parts out{.fewest = pairs.a.rows, .first = {}, .second = {}};
  Side a = side_of(pairs.a, 0, told);
  before += pairs.a.rows;
  out.value = a.pass.total / (a.n * (a.n - 1));
  std::optional<Side> b;
  if (pairs.c) {
    const size_t other = pairs.c->columns;
    out.fewest = std::min(out.fewest, other);
    if (pairs.b) {
      b = side_of(*pairs.b, 1, told);
      before += pairs.b->rows;
      out.value += b->pass.total / (b->n * (b->n - 1));
    } else {
      b = Side{.n = static_cast<double>(other), .weights = multipliers(other, 1, options)};
      b->projection = VectorXd::Zero(at(other));
    }
    const Pass c = pass_over(*pairs.c, false, a.weights, b->weights, pool, told);
    out.value -= 2 * c.total / (a.n * b->n);
    a.projection -= c.row_sums / b->n;
    b->projection -= c.column_sums / a.n;
    const double cross = cross_variance(c, a.n, b->n);
    out.of_rows = row_variance(a, cross, b->n) + row_variance(*b, cross, a.n);
    out.of_pairs = 4 * cross / (a.n * b->n) + 2 * b->pairs / (b->n * (b->n - 1));
    out.seen = seen_variance(*b);
    out.first = first_order(*b);
    out.second = -2 / (a.n * b->n) * c.forms;
    if (pairs.b && b->n > 3) out.second += centred_forms(b->pass, b->weights, b->n) / (b->n * (b->n - 1));
  } else {
    out.of_rows = row_variance(a, 0, 0);
    out.first = VectorXd::Zero(at(options.resamples));
    out.second = VectorXd::Zero(at(options.resamples));
  }
  out.of_pairs += 2 * a.pairs / (a.n * (a.n - 1));
  out.seen += seen_variance(a);
  out.first += first_order(a);
  if (a.n > 3) out.second += centred_forms(a.pass, a.weights, a.n) / (a.n * (a.n - 1));
  return out;
}

}  // namespace

Estimate estimate(const Pairs& pairs, Slope slope, const BootstrapOptions& options, ThreadPool& pool,
                  const Watch& watch) {
  const Parts parts = parts_of(pairs, options, pool, watch);
  Estimate out{.value = parts.value, .sureness = {}};
  out.sureness.standard_error = std::sqrt(std::max(parts.of_rows, 0.0) + parts.of_pairs);
  if (options.resamples == 0 || parts.fewest < kFewestForDistance) return out;
  const double widen = student_quantile(0.975, static_cast<double>(parts.fewest - 1)) / normal_quantile(0.975);
  out.sureness.interval = Interval{bound(parts, slope, 0.975, widen), bound(parts, slope, 0.025, widen)};
  out.sureness.detectable = detectable_errors(parts.fewest) * out.sureness.standard_error;
  return out;
}

std::vector<double> with_random_signs(const PairMatrix& a, const BootstrapOptions& options, ThreadPool& pool,
                                      const Watch& watch) {
  MatrixXd signs(at(a.rows), at(options.resamples));
  for (size_t r = 0; r < options.resamples; ++r) {
    Draws draws(options.seed, r);
    for (size_t i = 0; i < a.rows; ++i) signs(at(i), at(r)) = draws.below(2) == 0 ? -1 : 1;
  }
  const Pass p = pass_over(a, true, signs, signs, pool, [&](size_t) { watch.stop.throw_if_stopped(); });
  const auto n = static_cast<double>(a.rows);
  const VectorXd values = p.forms / (n * (n - 1));
  return {values.begin(), values.end()};
}

std::vector<double> with_random_labels(const PairMatrix& pooled, size_t rows_a, const BootstrapOptions& options,
                                       ThreadPool& pool, const Watch& watch) {
  MatrixXd mine = MatrixXd::Zero(at(pooled.rows), at(options.resamples));
  for (size_t r = 0; r < options.resamples; ++r) {
    Draws draws(options.seed, r);
    const std::vector<size_t> order = shuffled(pooled.rows, draws);
    for (size_t i = 0; i < rows_a; ++i) mine(at(order[i]), at(r)) = 1;
  }
  const Pass p = pass_over(pooled, true, mine, mine, pool, [&](size_t) { watch.stop.throw_if_stopped(); });
  const auto m = static_cast<double>(rows_a), n = static_cast<double>(pooled.rows - rows_a);
  const VectorXd rows = mine.transpose() * p.row_sums;
  std::vector<double> out;
  for (Eigen::Index r = 0; r < rows.size(); ++r) {
    const double aa = p.forms(r), ab = rows(r) - aa, bb = p.total - 2 * rows(r) + aa;
    out.push_back(aa / (m * (m - 1)) + bb / (n * (n - 1)) - 2 * ab / (m * n));
  }
  return out;
}

double p_value_of(double value, std::span<const double> by_chance) {
  // Sums of one order and of another differ in their last bits.
  double scale = std::abs(value);
  for (const double v : by_chance) scale = std::max(scale, std::abs(v));
  const double least = value - 1e-12 * scale;
  const auto as_large = std::ranges::count_if(by_chance, [&](double v) { return v >= least; });
  return (1.0 + static_cast<double>(as_large)) / (1.0 + static_cast<double>(by_chance.size()));
}

}  // namespace newbie::u_statistic
