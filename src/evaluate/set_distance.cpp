#include "evaluate/set_distance.h"

#include <algorithm>

namespace newbie {

namespace {

// Streams of Draws: the kernel distance's subsets have the first ones of their own seed.
constexpr uint64_t kSplitSeed = 0x53504C4954;

using Distance = double (*)(const FeatureMatrix& a, const FeatureMatrix& b);

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

void add_interval(SetDistance& out, std::vector<double> resampled) {
  if (resampled.empty()) return;
  out.resampled_bias = spread_of(resampled).mean - out.value;
  for (double& v : resampled) v -= out.resampled_bias;
  out.interval = interval_of(std::move(resampled));
}

SetDistance sizes_of(const FeatureMatrix& a, const FeatureMatrix& b) {
  return {.rows_a = a.rows(), .rows_b = b.rows(), .dimension = a.columns};
}

}  // namespace

SetDistance frechet_report(const FeatureMatrix& a, const FeatureMatrix& b, const DistanceOptions& options,
                           ThreadPool& pool, const Watch& watch) {
  const FrechetDistance distance = frechet_distance(a, b);
  SetDistance out = sizes_of(a, b);
  out.value = distance.value;
  out.gram = distance.gram;
  const size_t all = options.splits + options.resamples;
  const auto from = [&](size_t before) {
    return Watch{[&watch, before, all](size_t done, size_t) { watch.on_item(before + done, all); }, watch.stop};
  };
  add_split_half(
      out, b, [](const FeatureMatrix& x, const FeatureMatrix& y) { return frechet_distance(x, y).value; }, options,
      pool, from(0));
  add_interval(out, bootstrap({options.resamples, options.seed}, pool, from(options.splits), [&](Draws& draws) {
                 const RowCounts of_a = resample(a.rows(), draws);
                 return frechet_distance(a, b, of_a, resample(b.rows(), draws)).value;
               }));
  return out;
}

SetDistance kernel_report(const FeatureMatrix& a, const FeatureMatrix& b, const DistanceOptions& options,
                          ThreadPool& pool, const Watch& watch) {
  SetDistance out = sizes_of(a, b);
  const Watch quietly{[](size_t, size_t) {}, watch.stop};
  out.subset = subset_kernel_distance(a, b, options.subsets, pool, watch);
  out.value = out.subset.over_subsets.mean;
  add_split_half(out, b, kernel_distance, options, pool, quietly);
  std::vector<ResampledPair> resamples;
  for (size_t r = 0; r < options.resamples; ++r) {
    Draws draws(options.seed, r);
    ResampledPair pair{.a = resample(a.rows(), draws), .b = {}};
    pair.b = resample(b.rows(), draws);
    resamples.push_back(std::move(pair));
  }
  add_interval(out, kernel_distances(a, b, resamples, pool, watch));
  return out;
}

}  // namespace newbie
