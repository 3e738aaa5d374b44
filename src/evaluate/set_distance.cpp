#include "evaluate/set_distance.h"

#include <algorithm>
#include <array>

#include "core/error.h"
#include "evaluate/split_spread.h"
#include "evaluate/u_statistic.h"

namespace newbie {

namespace {

// Streams of Draws: the kernel distance's subsets have the first ones of their own seed.
constexpr uint64_t kSplitSeed = 0x53504C4954, kTestSeed = 0x54455354;

using Distance = double (*)(const FeatureMatrix& a, const FeatureMatrix& b);

double frechet_value(const FeatureMatrix& a, const FeatureMatrix& b) { return frechet_distance(a, b).value; }

void add_split_half(SetDistance& out, const FeatureMatrix& set, Distance distance, const DistanceOptions& options,
                    ThreadPool& pool, const Watch& watch) {
  out.half_rows = set.rows() / 2;
  if (options.splits == 0 || out.half_rows < 2) return;
  const std::vector<double> values =
      bootstrap({options.splits, options.seed ^ kSplitSeed}, pool, watch, [&](Draws& draws) {
        const std::vector<size_t> order = shuffled(set.rows(), draws);
        const std::span<const size_t> both(order);
        return distance(select_rows(set, both.first(out.half_rows)),
                        select_rows(set, both.subspan(out.half_rows, out.half_rows)));
      });
  out.split_half = spread_of(values);
}

// Of both sets with the two pictures of random pairs exchanged, as often as there are resamples: what the distance
// would be if it were nothing which of a pair is in which set.
std::vector<double> with_random_exchanges(const FeatureMatrix& a, const FeatureMatrix& b, Distance distance,
                                          const BootstrapOptions& options, ThreadPool& pool, const Watch& watch) {
  FeatureMatrix both = a;
  both.values.insert(both.values.end(), b.values.begin(), b.values.end());
  const size_t n = a.rows();
  return bootstrap(options, pool, watch, [&](Draws& draws) {
    std::vector<size_t> first(n), second(n);
    for (size_t i = 0; i < n; ++i) {
      const bool exchanged = draws.below(2) == 1;
      first[i] = exchanged ? n + i : i;
      second[i] = exchanged ? i : n + i;
    }
    return distance(select_rows(both, first), select_rows(both, second));
  });
}

SetDistance sizes_of(const FeatureMatrix& a, const FeatureMatrix& b, Sets sets) {
  if (sets == Sets::Paired && a.rows() != b.rows())
    fail(ErrorKind::InvalidRequest, "{} pictures and {} make no pairs", a.rows(), b.rows());
  return {.rows_a = a.rows(), .rows_b = b.rows(), .dimension = a.columns};
}

}  // namespace

SetDistance frechet_report(const FeatureMatrix& a, const FeatureMatrix& b, Sets sets, const DistanceOptions& options,
                           ThreadPool& pool, const Watch& watch) {
  SetDistance out = sizes_of(a, b, sets);
  const FrechetDistance distance = frechet_distance(a, b);
  out.value = distance.value;
  out.gram = distance.gram;
  add_split_half(out, b, frechet_value, options, pool, watch);
  const size_t fewest = std::min(a.rows(), b.rows());
  if (options.resamples == 0 || fewest < kFewestForDistance) return out;
  const std::array<size_t, 2> sizes{a.rows(), b.rows()};
  const bool paired = sets == Sets::Paired;
  const SplitSpread spread = split_spread(
      out.value, std::span(sizes).first(paired ? 1 : 2),
      [&](SplitRows rows) { return frechet_value(select_rows(a, rows.front()), select_rows(b, rows.back())); },
      {options.resamples, options.seed}, pool, watch);
  out.sureness = sureness_of(out.value, spread, fewest);
  out.extrapolated = spread.extrapolated;
  if (!paired) return out;
  // As with kernel distances of pairs: intervals held the truth in 77 (N = 20) to 89 (N = 256) of 100 sets.
  out.sureness.interval.reset();
  out.sureness.p_value = u_statistic::p_value_of(
      out.value,
      with_random_exchanges(a, b, frechet_value, {options.resamples, options.seed ^ kTestSeed}, pool, watch));
  return out;
}

SetDistance kernel_report(const FeatureMatrix& a, const FeatureMatrix& b, Sets sets, const DistanceOptions& options,
                          ThreadPool& pool, const Watch& watch) {
  SetDistance out = sizes_of(a, b, sets);
  const Watch quietly{[](size_t, size_t) {}, watch.stop};
  const bool paired = sets == Sets::Paired;
  if (!paired) out.subset = subset_kernel_distance(a, b, options.subsets, pool, quietly);
  add_split_half(out, b, kernel_distance, options, pool, quietly);
  const u_statistic::Estimate estimate =
      (paired ? paired_kernel_estimate : kernel_estimate)(a, b, {options.resamples, options.seed}, pool, watch);
  out.value = estimate.value;
  out.sureness = estimate.sureness;
  return out;
}

}  // namespace newbie
