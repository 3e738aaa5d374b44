#include "diffusion/step_cache.h"

#include <cmath>
#include <limits>
#include <utility>

namespace newbie {

std::span<const Named<CacheMode>> cache_modes() {
  static constexpr Named<CacheMode> kModes[] = {
      {CacheMode::Off, "off"}, {CacheMode::FirstBlock, "first-block"}, {CacheMode::Linear, "linear"}};
  return kModes;
}

double relative_change(std::span<const float> now, std::span<const float> before) {
  double changed = 0, all = 0;
  for (size_t i = 0; i < now.size(); ++i) {
    changed += std::abs(static_cast<double>(now[i]) - static_cast<double>(before[i]));
    all += std::abs(static_cast<double>(before[i]));
  }
  if (all == 0) return changed == 0 ? 0 : std::numeric_limits<double>::infinity();
  return changed / all;
}

size_t StepCache::memory_floats(CacheMode mode, size_t elements) {
  switch (mode) {
    case CacheMode::Off: return 0;
    case CacheMode::FirstBlock: return 2 * elements;
    case CacheMode::Linear: return 3 * elements;
  }
  return 0;
}

StepCache::StepCache(const CacheOptions& options, size_t elements, std::span<float> memory)
    : options_(options), first_(memory.first(elements)), now_{0, memory.subspan(elements, elements)}, before_{0, {}} {
  if (options.mode == CacheMode::Linear) before_.added = memory.subspan(2 * elements, elements);
}

bool StepCache::stands_in(double t, std::span<float> first) {
  const bool linear = options_.mode == CacheMode::Linear;
  if (passes_ < (linear ? 2 : 1) || !(relative_change(first, first_) < options_.threshold)) return false;
  const double span = now_.t - before_.t;
  const auto ahead = static_cast<float>(linear && span != 0 ? (t - now_.t) / span : 0);
  for (size_t i = 0; i < first.size(); ++i) {
    const float change = linear ? now_.added[i] - before_.added[i] : 0.0f;
    first[i] += now_.added[i] + ahead * change;
  }
  return true;
}

void StepCache::remember(double t, std::span<const float> first, std::span<const float> last) {
  if (options_.mode == CacheMode::Linear) std::swap(now_, before_);
  now_.t = t;
  for (size_t i = 0; i < first.size(); ++i) {
    first_[i] = first[i];
    now_.added[i] = last[i] - first[i];
  }
  ++passes_;
}

}  // namespace newbie
