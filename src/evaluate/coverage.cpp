#include "evaluate/coverage.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>

#include "core/error.h"
#include "evaluate/clip_score.h"
#include "evaluate/paired_distance.h"
#include "evaluate/set_distance.h"

namespace newbie {

namespace {

constexpr size_t kExpectationDraws = 1000;

// Pictures by their standing along the main direction of their features: those far along are likelier. Logarithms of
// odds, by standard deviations.
std::vector<double> tilted_shares(const FeatureMatrix& set, double tilt) {
  using Rows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  Eigen::MatrixXd x = Eigen::Map<const Rows>(set.values.data(), static_cast<Eigen::Index>(set.rows()),
                                             static_cast<Eigen::Index>(set.columns))
                          .cast<double>();
  x.rowwise() -= x.colwise().mean().eval();
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> of(x.transpose() * x);
  Eigen::VectorXd along = x * of.eigenvectors().rightCols(1);
  along /= std::sqrt(along.squaredNorm() / static_cast<double>(along.size()));
  const Eigen::VectorXd shares = (along.array() * tilt).exp();
  const Eigen::VectorXd normed = shares / shares.sum();
  return {normed.begin(), normed.end()};
}

// Σ p_i q_j k(x_i, y_j).
double mean_kernel(const FeatureMatrix& x, std::span<const double> p, const FeatureMatrix& y,
                   std::span<const double> q) {
  double sum = 0;
  for (size_t i = 0; i < x.rows(); ++i)
    for (size_t j = 0; j < y.rows(); ++j) {
      double product = 0;
      for (size_t c = 0; c < x.columns; ++c) product += double{x.row(i)[c]} * double{y.row(j)[c]};
      sum += p[i] * q[j] * std::pow(product / static_cast<double>(x.columns) + 1, 3);
    }
  return sum;
}

// What a simulated estimate came to.
struct Judged {
  double value = 0;
  std::optional<Interval> interval;
  bool found = false;
};

Judged judged(double value, const Sureness& s) {
  const bool found = s.p_value ? *s.p_value <= 0.05 : s.interval && !s.interval->contains(0);
  return {value, s.interval, found};
}

class Simulation {
 public:
  Simulation(const Population& population, const CoverageOptions& options, ThreadPool& pool, const Watch& watch)
      : p_(population),
        options_(options),
        pool_(pool),
        watch_(watch),
        even_(p_.pictures.rows(), 1.0 / static_cast<double>(p_.pictures.rows())),
        tilted_(tilted_shares(p_.pictures, options.tilt)),
        tilted_up_to_(tilted_.size()) {
    std::partial_sum(tilted_.begin(), tilted_.end(), tilted_up_to_.begin());
    for (int i = 0; i < pool.size(); ++i) alone_.push_back(std::make_unique<ThreadPool>(1));
  }

  std::vector<CoverageRow> run() {
    for (const size_t n : options_.sizes) {
      means(n);
      if (n < kFewestForDistance) continue;
      kernels(n);
      frechets(n);
    }
    return std::move(rows_);
  }

 private:
  using One = std::function<Judged(Draws& draws, ThreadPool& pool, uint64_t seed)>;

  // Rows of the population, drawn with replacement.
  std::vector<size_t> draw(size_t n, Draws& draws) const {
    std::vector<size_t> out(n);
    for (size_t& i : out) i = draws.below(p_.pictures.rows());
    return out;
  }
  std::vector<size_t> draw_tilted(size_t n, Draws& draws) const {
    std::vector<size_t> out(n);
    for (size_t& i : out) {
      constexpr size_t kFine = size_t{1} << 52;
      const double at = static_cast<double>(draws.below(kFine)) / static_cast<double>(kFine) * tilted_up_to_.back();
      i = static_cast<size_t>(std::ranges::upper_bound(tilted_up_to_, at) - tilted_up_to_.begin());
      i = std::min(i, tilted_up_to_.size() - 1);
    }
    return out;
  }
  struct PairedDraw {
    FeatureMatrix first, second;
    std::vector<double> first_scores, second_scores;
  };
  PairedDraw draw_pairs(size_t n, bool exchanged, Draws& draws) const {
    PairedDraw out{.first = {.columns = p_.pictures.columns, .values = {}},
                   .second = {.columns = p_.pictures.columns, .values = {}},
                   .first_scores = {},
                   .second_scores = {}};
    for (const size_t i : draw(n, draws)) {
      const bool turned = exchanged && draws.below(2) == 1;
      const auto add = [i](const FeatureMatrix& from, FeatureMatrix& to) {
        to.values.insert(to.values.end(), from.row(i).begin(), from.row(i).end());
      };
      add(turned ? p_.changed : p_.pictures, out.first);
      add(turned ? p_.pictures : p_.changed, out.second);
      out.first_scores.push_back((turned ? p_.changed_scores : p_.scores)[i]);
      out.second_scores.push_back((turned ? p_.scores : p_.changed_scores)[i]);
    }
    return out;
  }

  void repeat(const char* what, size_t n, double truth, std::optional<bool> has_difference, size_t times,
              const One& one) {
    std::vector<Judged> all(times);
    const auto at_once = static_cast<size_t>(pool_.size());
    for (size_t first = 0; first < all.size(); first += at_once) {
      watch_.stop.throw_if_stopped();
      const size_t count = std::min(at_once, all.size() - first);
      pool_.run(static_cast<int64_t>(count), [&](int64_t index, int worker) {
        const size_t i = first + static_cast<size_t>(index);
        Draws draws(options_.seed ^ n, i);
        all[i] = one(draws, *alone_[static_cast<size_t>(worker)], i);
      });
    }
    watch_.on_item(rows_.size() + 1, 15 * options_.sizes.size());
    CoverageRow row{.what = what, .n = n, .repetitions = times, .truth = truth};
    std::vector<double> values;
    size_t found = 0;
    for (const Judged& j : all) {
      values.push_back(j.value);
      found += j.found ? 1 : 0;
      if (!j.interval) continue;
      if (!row.intervals) row.intervals.emplace();
      row.intervals->covered += j.interval->contains(truth) ? 1 : 0;
      row.intervals->below += truth < j.interval->low ? 1 : 0;
      row.intervals->above += truth > j.interval->high ? 1 : 0;
    }
    const auto share = [&](double count) { return count / static_cast<double>(times); };
    if (auto& i = row.intervals) *i = {share(i->covered), share(i->below), share(i->above)};
    row.deviation = spread_of(values).deviation;
    if (has_difference) {
      row.found = share(static_cast<double>(found));
      row.has_difference = *has_difference;
    }
    rows_.push_back(std::move(row));
  }

  BootstrapOptions resamples(uint64_t seed) const { return {options_.resamples, seed}; }

  void means(size_t n) {
    const double mean = spread_of(p_.scores).mean, other = spread_of(p_.changed_scores).mean;
    repeat("mean", n, mean, std::nullopt, options_.repetitions, [&, n](Draws& draws, ThreadPool& pool, uint64_t seed) {
      std::vector<double> values;
      for (const size_t i : draw(n, draws)) values.push_back(p_.scores[i]);
      const MeanEstimate e = estimate_mean(values, resamples(seed), pool, quietly());
      return judged(e.mean, e.sureness);
    });
    for (const bool exchanged : {false, true})
      repeat(exchanged ? "paired difference of means, none" : "paired difference of means", n,
             exchanged ? 0 : mean - other, !exchanged, options_.repetitions,
             [&, n, exchanged](Draws& draws, ThreadPool&, uint64_t) {
               const PairedDraw pairs = draw_pairs(n, exchanged, draws);
               const MeanEstimate e = paired_difference(pairs.first_scores, pairs.second_scores);
               return judged(e.mean, e.sureness);
             });
  }

  void kernels(size_t n) {
    const double own = mean_kernel(p_.pictures, even_, p_.pictures, even_),
                 far = own + mean_kernel(p_.pictures, tilted_, p_.pictures, tilted_) -
                       2 * mean_kernel(p_.pictures, even_, p_.pictures, tilted_);
    const double of_changed = mean_kernel(p_.changed, even_, p_.changed, even_),
                 pairs = own + of_changed - 2 * mean_kernel(p_.pictures, even_, p_.changed, even_),
                 difference = own - 2 * mean_kernel(p_.pictures, even_, p_.pictures, tilted_) - of_changed +
                              2 * mean_kernel(p_.changed, even_, p_.pictures, tilted_);
    const auto two_sets = [&, n](bool differ) {
      return [&, n, differ](Draws& draws, ThreadPool& pool, uint64_t seed) {
        const FeatureMatrix a = select_rows(p_.pictures, draw(n, draws)),
                            b = select_rows(p_.pictures, differ ? draw_tilted(n, draws) : draw(n, draws));
        const u_statistic::Estimate e = kernel_estimate(a, b, resamples(seed), pool, quietly());
        return judged(e.value, e.sureness);
      };
    };
    repeat("KID", n, far, true, options_.repetitions, two_sets(true));
    repeat("KID, no difference", n, 0, false, options_.repetitions, two_sets(false));
    for (const bool exchanged : {false, true}) {
      repeat(exchanged ? "KID of pairs, no difference" : "KID of pairs", n, exchanged ? 0 : pairs, !exchanged,
             options_.repetitions, [&, n, exchanged](Draws& draws, ThreadPool& pool, uint64_t seed) {
               const PairedDraw d = draw_pairs(n, exchanged, draws);
               const u_statistic::Estimate e =
                   paired_kernel_estimate(d.first, d.second, resamples(seed), pool, quietly());
               return judged(e.value, e.sureness);
             });
      repeat(exchanged ? "paired difference of KIDs, none" : "paired difference of KIDs", n, exchanged ? 0 : difference,
             !exchanged, options_.repetitions, [&, n, exchanged](Draws& draws, ThreadPool& pool, uint64_t seed) {
               const PairedDraw d = draw_pairs(n, exchanged, draws);
               const FeatureMatrix reference = select_rows(p_.pictures, draw_tilted(n, draws));
               const PairedDistance e =
                   paired_kernel_distance(d.first, d.second, reference, resamples(seed), pool, quietly());
               return judged(e.difference, e.sureness);
             });
    }
  }

  // The mean of many draws that have nothing to do with those judged.
  double expectation(size_t n, const std::function<double(Draws&)>& one) {
    std::vector<double> values(kExpectationDraws);
    pool_.run(static_cast<int64_t>(values.size()), [&](int64_t index, int) {
      watch_.stop.throw_if_stopped();
      Draws draws(~options_.seed ^ n, static_cast<uint64_t>(index));
      values[static_cast<size_t>(index)] = one(draws);
    });
    return spread_of(values).mean;
  }

  void frechets(size_t n) {
    const size_t times = options_.frechet_repetitions != 0 ? options_.frechet_repetitions : options_.repetitions;
    for (const bool differ : {true, false}) {
      const auto sets = [&, n, differ](Draws& draws) {
        FeatureMatrix a = select_rows(p_.pictures, draw(n, draws));
        return std::pair(std::move(a), select_rows(p_.pictures, differ ? draw_tilted(n, draws) : draw(n, draws)));
      };
      repeat(differ ? "FID, of its expectation at this N" : "FID of one distribution", n,
             expectation(n,
                         [&](Draws& draws) {
                           const auto both = sets(draws);
                           return frechet_distance(both.first, both.second).value;
                         }),
             std::nullopt, times, [&](Draws& draws, ThreadPool& pool, uint64_t seed) {
               const auto both = sets(draws);
               const SetDistance d = frechet_report(
                   both.first, both.second, Sets::Independent,
                   {.resamples = options_.resamples, .splits = 0, .seed = seed, .subsets = {}}, pool, quietly());
               return judged(d.value, d.sureness);
             });
    }
    for (const bool exchanged : {false, true}) {
      const double truth = exchanged ? 0 : expectation(n, [&](Draws& draws) {
        const PairedDraw d = draw_pairs(n, false, draws);
        return frechet_distance(d.first, d.second).value;
      });
      repeat(exchanged ? "FID of pairs, no difference" : "FID of pairs", n, truth, !exchanged, times,
             [&, n, exchanged](Draws& draws, ThreadPool& pool, uint64_t seed) {
               const PairedDraw d = draw_pairs(n, exchanged, draws);
               const SetDistance e = frechet_report(
                   d.first, d.second, Sets::Paired,
                   {.resamples = options_.resamples, .splits = 0, .seed = seed, .subsets = {}}, pool, quietly());
               return judged(e.value, e.sureness);
             });
    }
    for (const bool exchanged : {false, true}) {
      const auto difference = [&, n, exchanged](Draws& draws) {
        const PairedDraw d = draw_pairs(n, exchanged, draws);
        const FeatureMatrix reference = select_rows(p_.pictures, draw_tilted(n, draws));
        return std::pair(d, reference);
      };
      const double truth = exchanged ? 0 : expectation(n, [&](Draws& draws) {
        const auto both = difference(draws);
        return frechet_distance(both.first.first, both.second).value -
               frechet_distance(both.first.second, both.second).value;
      });
      repeat(exchanged ? "paired difference of FIDs, none" : "paired difference of FIDs", n, truth, !exchanged, times,
             [&](Draws& draws, ThreadPool& pool, uint64_t seed) {
               const auto drawn = difference(draws);
               const PairedDistance e = paired_frechet_distance(drawn.first.first, drawn.first.second, drawn.second,
                                                                resamples(seed), pool, quietly());
               return judged(e.difference, e.sureness);
             });
    }
  }

  Watch quietly() const {
    return {[](size_t, size_t) {}, watch_.stop};
  }

  const Population& p_;
  const CoverageOptions& options_;
  ThreadPool& pool_;
  const Watch& watch_;
  std::vector<double> even_, tilted_, tilted_up_to_;
  std::vector<std::unique_ptr<ThreadPool>> alone_;  // one for each of the pool's workers
  std::vector<CoverageRow> rows_;
};

}  // namespace

std::vector<CoverageRow> simulate_coverage(const Population& population, const CoverageOptions& options,
                                           ThreadPool& pool, const Watch& watch) {
  const size_t rows = population.pictures.rows();
  if (population.changed.rows() != rows || population.scores.size() != rows || population.changed_scores.size() != rows)
    fail(ErrorKind::InvalidRequest, "a population of {}, {}, {} and {} rows", rows, population.changed.rows(),
         population.scores.size(), population.changed_scores.size());
  check_sets(population.pictures, {}, population.changed, {});
  return Simulation(population, options, pool, watch).run();
}

}  // namespace newbie
