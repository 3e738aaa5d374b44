#include "evaluate/kernel_distance.h"

#include <Eigen/Dense>
#include <algorithm>

#include "core/error.h"

namespace newbie {

namespace {

using Eigen::MatrixXd;
using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

Eigen::Index index(size_t n) { return static_cast<Eigen::Index>(n); }

Rows as_doubles(const FeatureMatrix& set, size_t first, size_t count) {
  using Floats = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  return Eigen::Map<const Floats>(set.values.data() + first * set.columns, index(count), index(set.columns))
      .cast<double>();
}

// Column r: how often resample r has each row.
MatrixXd weights_of(size_t rows, std::span<const ResampledPair> resamples, RowCounts ResampledPair::*side) {
  MatrixXd out(index(rows), index(resamples.size()));
  for (size_t r = 0; r < resamples.size(); ++r)
    for (size_t i = 0; i < rows; ++i) out(index(i), index(r)) = (resamples[r].*side)[i];
  return out;
}

// For every resample Σ u_i v_j k(a_i, b_j), blocks of a's rows at a time; a pair of one row of one set with itself is
// left out when `same`.
Eigen::VectorXd weighted_sums(const FeatureMatrix& a, const FeatureMatrix& b, const MatrixXd& u, const MatrixXd& v,
                              bool same, ThreadPool& pool, const std::function<void(size_t)>& on_rows) {
  constexpr size_t kBlock = 256;
  const size_t blocks = (a.rows() + kBlock - 1) / kBlock;
  const Rows all = as_doubles(b, 0, b.rows());
  const auto d = static_cast<double>(a.columns);
  MatrixXd sums(u.cols(), index(blocks));  // a column a block: added up in order, whoever computed them
  const auto at_once = static_cast<size_t>(pool.size());
  for (size_t first = 0; first < blocks; first += at_once) {
    const size_t count = std::min(at_once, blocks - first);
    pool.run(static_cast<int64_t>(count), [&](int64_t task, int) {
      const size_t block = first + static_cast<size_t>(task), row = block * kBlock;
      const size_t rows = std::min(kBlock, a.rows() - row);
      MatrixXd k = as_doubles(a, row, rows) * all.transpose();
      k = (k.array() / d + 1).cube();
      if (same)
        for (size_t i = 0; i < rows; ++i) k(index(i), index(row + i)) = 0;
      sums.col(index(block)) = ((k * v).array() * u.middleRows(index(row), index(rows)).array()).colwise().sum();
    });
    on_rows(std::min(a.rows(), (first + count) * kBlock));
  }
  return sums.rowwise().sum();
}

double direct(const FeatureMatrix& a, const FeatureMatrix& b) {
  const auto sum = [d = static_cast<double>(a.columns)](const FeatureMatrix& x, const FeatureMatrix& y, bool same) {
    MatrixXd k = as_doubles(x, 0, x.rows()) * as_doubles(y, 0, y.rows()).transpose();
    k = (k.array() / d + 1).cube();
    return k.sum() - (same ? k.diagonal().sum() : 0.0);
  };
  const auto m = static_cast<double>(a.rows()), n = static_cast<double>(b.rows());
  return sum(a, a, true) / (m * (m - 1)) + sum(b, b, true) / (n * (n - 1)) - 2 * sum(a, b, false) / (m * n);
}

}  // namespace

double kernel_distance(const FeatureMatrix& a, const FeatureMatrix& b) {
  check_sets(a, {}, b, {});
  return direct(a, b);
}

std::vector<double> kernel_distances(const FeatureMatrix& a, const FeatureMatrix& b,
                                     std::span<const ResampledPair> resamples, ThreadPool& pool, const Watch& watch) {
  check_sets(a, {}, b, {});
  for (const ResampledPair& r : resamples)
    if (r.a.size() != a.rows() || r.b.size() != b.rows())
      fail(ErrorKind::InvalidRequest, "a resample of {} and {} rows of sets of {} and {}", r.a.size(), r.b.size(),
           a.rows(), b.rows());
  if (resamples.empty()) return {};
  const MatrixXd u = weights_of(a.rows(), resamples, &ResampledPair::a);
  const MatrixXd v = weights_of(b.rows(), resamples, &ResampledPair::b);
  const size_t all = 2 * a.rows() + b.rows();
  const auto told = [&](size_t before) {
    return [&watch, before, all](size_t rows) {
      watch.stop.throw_if_stopped();
      watch.on_item(before + rows, all);
    };
  };
  const Eigen::VectorXd xx = weighted_sums(a, a, u, u, true, pool, told(0));
  const Eigen::VectorXd xy = weighted_sums(a, b, u, v, false, pool, told(a.rows()));
  const Eigen::VectorXd yy = weighted_sums(b, b, v, v, true, pool, told(2 * a.rows()));
  std::vector<double> out(resamples.size());
  for (size_t r = 0; r < out.size(); ++r) {
    const auto m = u.col(index(r)), n = v.col(index(r));
    const double pairs_a = m.sum() * m.sum() - m.squaredNorm(), pairs_b = n.sum() * n.sum() - n.squaredNorm();
    if (pairs_a <= 0 || pairs_b <= 0) fail(ErrorKind::InvalidRequest, "a resample of one row alone has no pairs");
    out[r] = xx(index(r)) / pairs_a + yy(index(r)) / pairs_b - 2 * xy(index(r)) / (m.sum() * n.sum());
  }
  return out;
}

SubsetDistance subset_kernel_distance(const FeatureMatrix& a, const FeatureMatrix& b, const SubsetOptions& options,
                                      ThreadPool& pool, const Watch& watch) {
  check_sets(a, {}, b, {});
  if (options.subsets == 0 || options.most < 2)
    fail(ErrorKind::InvalidRequest, "{} subsets of {} rows: expected 1 or more of 2 or more", options.subsets,
         options.most);
  const size_t rows = std::min({a.rows(), b.rows(), options.most});
  if (rows == a.rows() && rows == b.rows()) return {{direct(a, b), 0}, 1, rows};
  const auto subset = [rows](const FeatureMatrix& set, Draws& draws) {
    std::vector<size_t> order = shuffled(set.rows(), draws);
    order.resize(rows);
    return select_rows(set, order);
  };
  const std::vector<double> values = bootstrap({options.subsets, options.seed}, pool, watch, [&](Draws& draws) {
    const FeatureMatrix x = subset(a, draws);
    return direct(x, subset(b, draws));
  });
  return {spread_of(values), options.subsets, rows};
}

}  // namespace newbie
