#include "evaluate/frechet.h"

#include <Eigen/Dense>
#include <cmath>
#include <numeric>

namespace newbie {

namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;
using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// Mean, and rows X with XᵀX = Σ: centred, divided by √(N − 1), a row drawn c times as one row times √c.
struct Centred {
  VectorXd mean;
  Rows rows;

  double trace() const { return rows.squaredNorm(); }
  MatrixXd covariance() const {
    MatrixXd out = MatrixXd::Zero(rows.cols(), rows.cols());
    out.selfadjointView<Eigen::Lower>().rankUpdate(rows.transpose());
    out.triangularView<Eigen::StrictlyUpper>() = out.transpose();
    return out;
  }
  bool is_singular() const { return rows.rows() <= rows.cols(); }
};

Centred centred(const FeatureMatrix& set, const RowCounts& counts) {
  const auto columns = static_cast<Eigen::Index>(set.columns);
  const auto count = [&](size_t row) { return counts.empty() ? 1.0 : static_cast<double>(counts[row]); };
  Centred out{VectorXd::Zero(columns), {}};
  Eigen::Index distinct = 0;
  double n = 0;
  const auto features = [&](size_t row) {
    return Eigen::Map<const Eigen::VectorXf>(set.row(row).data(), columns).cast<double>();
  };
  for (size_t r = 0; r < set.rows(); ++r) {
    if (count(r) == 0) continue;
    out.mean += count(r) * features(r);
    n += count(r);
    ++distinct;
  }
  out.mean /= n;
  out.rows.resize(distinct, columns);
  Eigen::Index at = 0;
  for (size_t r = 0; r < set.rows(); ++r)
    if (count(r) != 0) out.rows.row(at++) = (features(r) - out.mean).transpose() * std::sqrt(count(r) / (n - 1));
  return out;
}

double sum_of_roots(const MatrixXd& symmetric) {
  return Eigen::SelfAdjointEigenSolver<MatrixXd>(symmetric, Eigen::EigenvaluesOnly)
      .eigenvalues()
      .cwiseMax(0.0)
      .cwiseSqrt()
      .sum();
}

// tr (Σ₁Σ₂)^½ = the sum of the singular values of X₁X₂ᵀ, whatever their numbers of rows.
double trace_of_root(const Centred& a, const Centred& b) {
  if (a.is_singular() && b.is_singular()) {
    const MatrixXd gram = a.rows * b.rows.transpose();
    return Eigen::BDCSVD<MatrixXd>(gram).singularValues().sum();
  }
  // The squares of those values are the eigenvalues of X₁Σ₂X₁ᵀ …
  if (a.is_singular()) return sum_of_roots(a.rows * b.covariance() * a.rows.transpose());
  if (b.is_singular()) return trace_of_root(b, a);
  // … and of RΣ₂R with R = Σ₁^½.
  const Eigen::SelfAdjointEigenSolver<MatrixXd> of_a(a.covariance());
  const MatrixXd root =
      of_a.eigenvectors() * of_a.eigenvalues().cwiseMax(0.0).cwiseSqrt().asDiagonal() * of_a.eigenvectors().transpose();
  const MatrixXd product = root * b.covariance() * root;
  return sum_of_roots((product + product.transpose()) / 2);
}

}  // namespace

FrechetDistance frechet_distance(const FeatureMatrix& a, const FeatureMatrix& b, const RowCounts& counts_a,
                                 const RowCounts& counts_b) {
  check_sets(a, counts_a, b, counts_b);
  const Centred x = centred(a, counts_a), y = centred(b, counts_b);
  return {.value = (x.mean - y.mean).squaredNorm() + x.trace() + y.trace() - 2 * trace_of_root(x, y),
          .gram = x.is_singular() || y.is_singular()};
}

}  // namespace newbie
