#include "evaluate/resample.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"
#include "core/split_mix.h"

namespace newbie {

namespace {

double quantile(std::span<const double> sorted, double q) {
  const double at = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(at);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  if (sorted[below] == sorted[above]) return sorted[below];  // infinite ones have no difference
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

}  // namespace

Draws::Draws(uint64_t seed, uint64_t stream) : engine_(split_mix(split_mix(seed) + stream)) {}

// The high half of a 128-bit product; its bias of n / 2^64 is beyond notice. (std::uniform_int_distribution differs
// between libraries.)
size_t Draws::below(size_t n) {
  __extension__ using Wide = unsigned __int128;
  return static_cast<size_t>((static_cast<Wide>(engine_()) * n) >> 64);
}

RowCounts resample(size_t rows, Draws& draws) {
  while (true) {
    RowCounts counts(rows, 0);
    for (size_t i = 0; i < rows; ++i) ++counts[draws.below(rows)];
    const auto of_all = static_cast<uint32_t>(rows);
    if (rows < 2 || std::ranges::find(counts, of_all) == counts.end()) return counts;
  }
}

std::vector<size_t> shuffled(size_t rows, Draws& draws) {
  std::vector<size_t> order(rows);
  std::iota(order.begin(), order.end(), size_t{0});
  for (size_t i = rows; i > 1; --i) std::swap(order[i - 1], order[draws.below(i)]);
  return order;
}

std::vector<double> bootstrap(const BootstrapOptions& options, ThreadPool& pool, const Watch& watch,
                              const std::function<double(Draws& draws)>& statistic) {
  std::vector<double> values(options.resamples);
  const auto at_once = static_cast<size_t>(pool.size());
  for (size_t first = 0; first < values.size(); first += at_once) {
    watch.stop.throw_if_stopped();
    const size_t count = std::min(at_once, values.size() - first);
    pool.run(static_cast<int64_t>(count), [&](int64_t index, int) {
      const size_t b = first + static_cast<size_t>(index);
      Draws draws(options.seed, b);
      values[b] = statistic(draws);
    });
    watch.on_item(first + count, values.size());
  }
  return values;
}

double quantile_of(std::vector<double> values, double share) {
  if (values.empty()) fail(ErrorKind::InvalidRequest, "there is no quantile of nothing");
  std::ranges::sort(values);
  return quantile(values, share);
}

std::optional<Interval> interval_of(std::vector<double> values) {
  if (values.empty()) return std::nullopt;
  std::ranges::sort(values);
  return Interval{quantile(values, 0.025), quantile(values, 0.975)};
}

Spread spread_of(std::span<const double> values) {
  if (values.empty()) return {};
  const auto n = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  double squares = 0;
  for (const double v : values) squares += (v - mean) * (v - mean);
  return {mean, values.size() < 2 ? 0.0 : std::sqrt(squares / (n - 1))};
}

}  // namespace newbie
