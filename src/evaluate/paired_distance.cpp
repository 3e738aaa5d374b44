#include "evaluate/paired_distance.h"

#include <algorithm>
#include <array>

#include "core/error.h"
#include "evaluate/frechet.h"
#include "evaluate/kernel_distance.h"
#include "evaluate/split_spread.h"

namespace newbie {

PairedDistance paired_frechet_distance(const FeatureMatrix& first, const FeatureMatrix& second,
                                       const FeatureMatrix& reference, const BootstrapOptions& options,
                                       ThreadPool& pool, const Watch& watch) {
  if (first.rows() != second.rows())
    fail(ErrorKind::InvalidRequest, "{} pictures and {} make no pairs", first.rows(), second.rows());
  const auto difference = [](const FeatureMatrix& x, const FeatureMatrix& y, const FeatureMatrix& of_both) {
    return frechet_distance(x, of_both).value - frechet_distance(y, of_both).value;
  };
  PairedDistance out{.difference = difference(first, second, reference), .sureness = {}};
  const size_t fewest = std::min(first.rows(), reference.rows());
  if (options.resamples == 0 || fewest < kFewestForDistance) return out;
  const std::array<size_t, 2> sizes{first.rows(), reference.rows()};
  const SplitSpread spread = split_spread(
      out.difference, sizes,
      [&](SplitRows rows) {
        return difference(select_rows(first, rows[0]), select_rows(second, rows[0]), select_rows(reference, rows[1]));
      },
      options, pool, watch);
  out.sureness = sureness_of(out.difference, spread, fewest);
  return out;
}

PairedDistance paired_kernel_distance(const FeatureMatrix& first, const FeatureMatrix& second,
                                      const FeatureMatrix& reference, const BootstrapOptions& options, ThreadPool& pool,
                                      const Watch& watch) {
  const u_statistic::Estimate estimate = kernel_difference(first, second, reference, options, pool, watch);
  return {.difference = estimate.value, .sureness = estimate.sureness};
}

}  // namespace newbie
