#include "evaluate/paired_distance.h"

#include "core/error.h"
#include "evaluate/frechet.h"
#include "evaluate/kernel_distance.h"

namespace newbie {

namespace {

void check_pairs(const FeatureMatrix& first, const FeatureMatrix& second) {
  if (first.rows() != second.rows())
    fail(ErrorKind::InvalidRequest, "{} pictures and {} make no pairs", first.rows(), second.rows());
}

void add_interval(PairedDistance& out, std::vector<double> resampled) {
  if (resampled.empty()) return;
  const double bias = spread_of(resampled).mean - out.difference;
  for (double& v : resampled) v -= bias;
  out.interval = interval_of(std::move(resampled));
}

}  // namespace

PairedDistance paired_frechet_distance(const FeatureMatrix& first, const FeatureMatrix& second,
                                       const FeatureMatrix& reference, const BootstrapOptions& options,
                                       ThreadPool& pool, const Watch& watch) {
  check_pairs(first, second);
  const auto difference = [&](const RowCounts& of_pairs, const RowCounts& of_reference) {
    return frechet_distance(first, reference, of_pairs, of_reference).value -
           frechet_distance(second, reference, of_pairs, of_reference).value;
  };
  PairedDistance out{.difference = difference({}, {}), .interval = {}};
  add_interval(out, bootstrap(options, pool, watch, [&](Draws& draws) {
                 const RowCounts of_pairs = resample(first.rows(), draws);
                 return difference(of_pairs, resample(reference.rows(), draws));
               }));
  return out;
}

PairedDistance paired_kernel_distance(const FeatureMatrix& first, const FeatureMatrix& second,
                                      const FeatureMatrix& reference, const BootstrapOptions& options, ThreadPool& pool,
                                      const Watch& watch) {
  check_pairs(first, second);
  PairedDistance out{.difference = kernel_distance(first, reference) - kernel_distance(second, reference),
                     .interval = {}};
  std::vector<ResampledPair> resamples;
  for (size_t b = 0; b < options.resamples; ++b) {
    Draws draws(options.seed, b);
    ResampledPair pair{.a = resample(first.rows(), draws), .b = {}};
    pair.b = resample(reference.rows(), draws);
    resamples.push_back(std::move(pair));
  }
  std::vector<double> values = kernel_distances(first, reference, resamples, pool, watch);
  const std::vector<double> others = kernel_distances(second, reference, resamples, pool, watch);
  for (size_t b = 0; b < values.size(); ++b) values[b] -= others[b];
  add_interval(out, std::move(values));
  return out;
}

}  // namespace newbie
