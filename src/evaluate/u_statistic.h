// The value and the sureness of U-statistics of two samples: means of functions of pairs of rows, as kernel distances
// are.
#pragma once

#include "evaluate/sureness.h"

namespace newbie::u_statistic {

// A matrix of pairs, made block by block: `block(first, count)` gives `count` rows from `first` on, all columns,
// row-major doubles. It is called from several threads at once.
struct PairMatrix {
  size_t rows = 0, columns = 0;
  std::function<std::vector<double>(size_t first, size_t count)> block;
};

// mean_{i≠j} A_ij + mean_{i≠j} B_ij − 2 mean C_ij: A, of one sample, is symmetric; B, of another, and C, between them,
// may be left out.
struct Pairs {
  PairMatrix a;
  std::optional<PairMatrix> b, c;
};

// How the part of the variance that single rows make depends on the value.
enum class Slope {
  WithValue,  // it grows with it and is 0 at 0, as of a squared distance
  Level,      // it is what it is, as of a difference of distances
};

struct Estimate {
  double value = 0;
  Sureness sureness;
};

// Hoeffding's decomposition: the variance is that of single rows, Var(g)/n, and that of pairs, 2 E h̃² / (n (n − 1)).
// Both are estimated without bias; E h̃² by U-centred matrices (Székely and Rizzo 2014). The interval holds the values
// θ of which `value` is no extreme draw: a draw is θ + √λ(θ) · first + second, with both parts resampled apart (the
// second as Arcones and Giné 1992 do for degenerate statistics), and λ by `slope`. No interval without resamples, or of
// fewer rows than kFewestForDistance.
Estimate estimate(const Pairs& pairs, Slope slope, const BootstrapOptions& options, ThreadPool& pool,
                  const Watch& watch);

// The value of mean_{i≠j} s_i s_j A_ij for random signs: what exchanging the two pictures of random pairs does to a
// statistic of pairs. One for each resample.
std::vector<double> with_random_signs(const PairMatrix& a, const BootstrapOptions& options, ThreadPool& pool,
                                      const Watch& watch);

// mean_{i≠j} of the first n_a, of the others, − 2 mean of both, with the rows of both samples in random order: `pooled`
// has all of them. One for each resample.
std::vector<double> with_random_labels(const PairMatrix& pooled, size_t rows_a, const BootstrapOptions& options,
                                       ThreadPool& pool, const Watch& watch);

// Of values made by chance alone: the share that is not below `value`, itself counted (Phipson and Smyth 2010).
double p_value_of(double value, std::span<const double> by_chance);

}  // namespace newbie::u_statistic
