// Step caches: when a denoiser pass may leave out all layers but the first, and what takes their place. Arithmetic on
// the network's stream of tokens; off unless asked for.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "core/named.h"

namespace newbie {

enum class CacheMode {
  Off,
  FirstBlock,  // where the stream behind the first layer changed little: what the others added the last time
  Linear,      // the same decision; what they will have added if it goes on changing as it did between the last two
};

// With CacheMode::Linear the most steps shortened with a mean SSIM >= 0.95 to the whole pictures (docs/speed.md).
inline constexpr double kCacheThreshold = 0.05;

struct CacheOptions {
  CacheMode mode = CacheMode::Off;
  double threshold = kCacheThreshold;  // of relative_change; 0 never leaves anything out
};

std::span<const Named<CacheMode>> cache_modes();

// sum |now - before| / sum |before|; infinite when `before` is all zeros and `now` is not.
double relative_change(std::span<const float> now, std::span<const float> before);

// What is remembered of one prompt's passes while one picture is drawn.
class StepCache {
 public:
  // Works in memory_floats(mode, elements) floats of the caller's; `elements` of the stream.
  StepCache(const CacheOptions& options, size_t elements, std::span<float> memory);
  static size_t memory_floats(CacheMode mode, size_t elements);

  // May the pass at time `t`, whose stream behind the first layer is `first`, leave the others out? Then replaces
  // `first` by what stands in for the stream behind the last layer.
  bool stands_in(double t, std::span<float> first);
  // What a whole pass gave.
  void remember(double t, std::span<const float> first, std::span<const float> last);

 private:
  struct Pass {
    double t;
    std::span<float> added;  // last - first
  };
  CacheOptions options_;
  std::span<float> first_;  // of the last whole pass
  Pass now_, before_;       // the last two whole passes
  int passes_ = 0;
};

}  // namespace newbie
