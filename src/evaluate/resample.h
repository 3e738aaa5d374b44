// Seeded drawing: bootstrap resamples, shuffles, and the intervals made from resampled values. The same seed gives the
// same draws on every machine and for any number of threads.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <span>
#include <vector>

#include "core/parallel.h"
#include "core/stop_token.h"
#include "evaluate/features.h"

namespace newbie {

class Draws {
 public:
  // An own sequence for every (seed, stream): resample number b does not depend on those before it.
  Draws(uint64_t seed, uint64_t stream);

  size_t below(size_t n);  // in [0, n)

 private:
  std::mt19937_64 engine_;
};

// `rows` draws with replacement; drawn again when all of them are one row, which has no spread.
RowCounts resample(size_t rows, Draws& draws);
std::vector<size_t> shuffled(size_t rows, Draws& draws);  // a permutation

// What long work tells and asks while it runs.
struct Watch {
  std::function<void(size_t done, size_t all)> on_item = [](size_t, size_t) {};
  StopToken stop;  // Error{Cancelled} between two items
};

struct BootstrapOptions {
  size_t resamples = 1000;  // 0: no interval
  uint64_t seed = 0;
};

// statistic(draws) for every resample, on the pool's threads; `statistic` is called from several of them at once.
std::vector<double> bootstrap(const BootstrapOptions& options, ThreadPool& pool, const Watch& watch,
                              const std::function<double(Draws& draws)>& statistic);

// 95 % of the values lie between.
struct Interval {
  double low = 0, high = 0;
  bool contains(double x) const { return low <= x && x <= high; }
};

// The `share`-th quantile, linear between neighbours: 0.5 is the median. Error{InvalidRequest} when there are no
// values.
double quantile_of(std::vector<double> values, double share);

// The 2.5 and 97.5 % quantiles, linear between neighbours. Nothing without values.
std::optional<Interval> interval_of(std::vector<double> values);

struct Spread {
  double mean = 0, deviation = 0;  // of a sample: divided by n − 1
};
Spread spread_of(std::span<const double> values);

}  // namespace newbie
