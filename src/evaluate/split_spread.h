// How much a statistic of whole sets moves by chance, and where it goes with more rows: seen from random halves and
// quarters of the sets.
#pragma once

#include "evaluate/sureness.h"

namespace newbie {

// The rows of each set that a statistic is to be taken of; it is called from several threads at once.
using SplitRows = std::span<const std::span<const size_t>>;
using SetStatistic = std::function<double(SplitRows rows)>;

struct SplitSpread {
  double variance = 0;      // of the statistic at the full size
  double of_halves = 0;     // its mean over halves of all sets
  double extrapolated = 0;  // to infinitely many rows: along 1 / N through the halves and the whole
  size_t divisions = 0;
};

// All sets (of `sizes` rows) are divided at random, again and again: into halves, whose statistics are of rows that
// have nothing in common, and these into quarters. Their variance is that of the statistic at half and at a quarter of
// the size, without bias (repeated half-samples: McCarthy 1969, Shao and Wu 1989). What single rows add falls with
// 1 / N and what pairs of rows add with 1 / N²; of h at half and q at a quarter the whole has 3h/4 − q/8, and never
// less than h/4 nor more than h/2. `options.resamples` statistics of parts are taken, six a division.
// Error{InvalidRequest} unless every set has 8 rows.
SplitSpread split_spread(double whole, std::span<const size_t> sizes, const SetStatistic& statistic,
                         const BootstrapOptions& options, ThreadPool& pool, const Watch& watch);

// The interval of `value` ± t · deviation: of the statistic's expectation at this number of rows. Nothing of sets with
// fewer rows than kFewestForDistance.
Sureness sureness_of(double value, const SplitSpread& spread, size_t fewest_rows);

}  // namespace newbie
