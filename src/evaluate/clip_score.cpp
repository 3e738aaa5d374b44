#include "evaluate/clip_score.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "evaluate/student.h"

namespace newbie {

std::vector<double> row_cosines(const FeatureMatrix& images, const FeatureMatrix& texts) {
  if (images.columns != texts.columns || images.rows() != texts.rows())
    fail(ErrorKind::InvalidRequest, "{} features of {} numbers and {} of {} make no pairs", images.rows(),
         images.columns, texts.rows(), texts.columns);
  std::vector<double> out;
  for (size_t r = 0; r < images.rows(); ++r) {
    double product = 0, of_image = 0, of_text = 0;
    for (size_t i = 0; i < images.columns; ++i) {
      const double x = images.row(r)[i], y = texts.row(r)[i];
      product += x * y;
      of_image += x * x;
      of_text += y * y;
    }
    const double lengths = std::sqrt(of_image) * std::sqrt(of_text);
    if (!std::isfinite(product / (lengths > 0 ? lengths : 1)))
      fail(ErrorKind::InvalidRequest, "features: pair {} has a value that is not finite", r);
    out.push_back(lengths > 0 ? product / lengths : 0.0);
  }
  return out;
}

namespace {

// Its interval and its test are not made yet.
MeanEstimate mean_of(std::span<const double> values) {
  if (values.empty()) fail(ErrorKind::InvalidRequest, "there is no mean of nothing");
  const Spread spread = spread_of(values);
  MeanEstimate out{.n = values.size(), .mean = spread.mean, .sureness = {}};
  out.sureness.standard_error = spread.deviation / std::sqrt(static_cast<double>(values.size()));
  return out;
}

}  // namespace

MeanEstimate estimate_mean(std::span<const double> values, const BootstrapOptions& options, ThreadPool& pool,
                           const Watch& watch) {
  MeanEstimate out = mean_of(values);
  if (values.size() < kFewestForMean || options.resamples == 0) return out;
  const Spread spread = spread_of(values);
  const auto n = static_cast<double>(values.size());
  const double error = out.sureness.standard_error;
  out.sureness.detectable = detectable_errors(values.size()) * error;
  const std::vector<double> t = bootstrap(options, pool, watch, [&](Draws& draws) {
    std::vector<double> drawn(values.size());
    for (double& v : drawn) v = values[draws.below(values.size())];
    const Spread of_drawn = spread_of(drawn);
    if (of_drawn.mean == spread.mean) return 0.0;
    return (of_drawn.mean - spread.mean) / (of_drawn.deviation / std::sqrt(n));
  });
  double low = quantile_of(t, 0.025), high = quantile_of(t, 0.975);
  // Resamples of one value repeated have no error of their own: of such values Student's t has to do.
  const double student = student_quantile(0.975, n - 1);
  if (!std::isfinite(low)) low = -student;
  if (!std::isfinite(high)) high = student;
  out.sureness.interval = Interval{spread.mean - high * error, spread.mean - low * error};
  return out;
}

MeanEstimate paired_difference(std::span<const double> first, std::span<const double> second, bool wants_interval) {
  if (first.size() != second.size())
    fail(ErrorKind::InvalidRequest, "{} values and {} make no pairs", first.size(), second.size());
  std::vector<double> differences(first.size());
  std::ranges::transform(first, second, differences.begin(), std::minus<>());
  MeanEstimate out = mean_of(differences);
  if (out.n < kFewestForMean || !wants_interval) return out;
  const auto degrees = static_cast<double>(out.n - 1);
  const double error = out.sureness.standard_error, reach = student_quantile(0.975, degrees) * error;
  out.sureness.detectable = detectable_errors(out.n) * error;
  out.sureness.interval = Interval{out.mean - reach, out.mean + reach};
  if (error > 0)
    out.sureness.p_value = 2 * student_cdf(-std::abs(out.mean) / error, degrees);
  else
    out.sureness.p_value = out.mean == 0 ? 1 : 0;  // all differences are equal
  return out;
}

ClipScore clip_score(std::span<const double> cosines, std::optional<double> logit_scale,
                     const BootstrapOptions& options, ThreadPool& pool, const Watch& watch) {
  ClipScore out{.cosine = estimate_mean(cosines, options, pool, watch)};
  double positive = 0;
  for (const double c : cosines) positive += std::max(c, 0.0);
  positive /= static_cast<double>(cosines.size());
  out.torchmetrics = std::max(0.0, 100 * out.cosine.mean);
  out.clamped = 100 * positive;
  out.clipscore = 2.5 * positive;
  if (logit_scale) out.logits = std::exp(*logit_scale) * out.cosine.mean;
  return out;
}

}  // namespace newbie
