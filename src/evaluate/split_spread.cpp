#include "evaluate/split_spread.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "evaluate/student.h"

namespace newbie {

namespace {

constexpr uint64_t kSplitSpreadSeed = 0x48414C56;
constexpr size_t kPieces = 6;  // two halves and four quarters

struct Division {
  double halves = 0, quarters = 0, mean_of_halves = 0;  // variances, and a mean
};

double sample_variance(std::span<const double> values) {
  const double deviation = spread_of(values).deviation;
  return deviation * deviation;
}

// The statistic of each of `count` equal parts of all sets.
std::vector<double> of_parts(const std::vector<std::vector<size_t>>& orders, size_t count,
                             const SetStatistic& statistic) {
  std::vector<double> out;
  for (size_t part = 0; part < count; ++part) {
    std::vector<std::span<const size_t>> rows;
    for (const std::vector<size_t>& order : orders) {
      const size_t size = order.size() / count;
      rows.push_back(std::span(order).subspan(part * size, size));
    }
    out.push_back(statistic(rows));
  }
  return out;
}

}  // namespace

SplitSpread split_spread(double whole, std::span<const size_t> sizes, const SetStatistic& statistic,
                         const BootstrapOptions& options, ThreadPool& pool, const Watch& watch) {
  for (const size_t size : sizes)
    if (size < 8) fail(ErrorKind::InvalidRequest, "a set of {} has no quarters: expected 8 rows or more", size);
  SplitSpread out{.divisions = (options.resamples + kPieces - 1) / kPieces};
  if (out.divisions == 0) return out;
  std::vector<Division> seen(out.divisions);
  const auto at_once = static_cast<size_t>(pool.size());
  for (size_t first = 0; first < seen.size(); first += at_once) {
    watch.stop.throw_if_stopped();
    const size_t count = std::min(at_once, seen.size() - first);
    pool.run(static_cast<int64_t>(count), [&](int64_t index, int) {
      const size_t d = first + static_cast<size_t>(index);
      Draws draws(options.seed ^ kSplitSpreadSeed, d);
      std::vector<std::vector<size_t>> orders;
      for (const size_t size : sizes) orders.push_back(shuffled(size, draws));
      const std::vector<double> halves = of_parts(orders, 2, statistic), quarters = of_parts(orders, 4, statistic);
      seen[d] = {sample_variance(halves), sample_variance(quarters), spread_of(halves).mean};
    });
    watch.on_item(first + count, seen.size());
  }
  double h = 0, q = 0;
  for (const Division& d : seen) {
    const auto n = static_cast<double>(seen.size());
    h += d.halves / n;
    q += d.quarters / n;
    out.of_halves += d.mean_of_halves / n;
  }
  out.variance = std::clamp(3 * h / 4 - q / 8, h / 4, h / 2);
  out.extrapolated = 2 * whole - out.of_halves;
  return out;
}

Sureness sureness_of(double value, const SplitSpread& spread, size_t fewest_rows) {
  Sureness out{.standard_error = std::sqrt(spread.variance), .interval = {}, .p_value = {}, .detectable = {}};
  if (spread.divisions == 0 || fewest_rows < kFewestForDistance) return out;
  const double reach = student_quantile(0.975, static_cast<double>(fewest_rows - 1)) * out.standard_error;
  out.interval = Interval{value - reach, value + reach};
  out.detectable = detectable_errors(fewest_rows) * out.standard_error;
  return out;
}

}  // namespace newbie
