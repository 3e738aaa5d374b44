#include "backend/cpu/kernels/group_norm.h"

#include "backend/cpu/kernels/highway_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/kernels/group_norm.cpp"
#include <hwy/foreach_target.h>  // must come before what it includes again

#include "backend/cpu/kernels/functions-inl.h"

HWY_BEFORE_NAMESPACE();
namespace newbie::cpu::HWY_NAMESPACE {

// Adds up whole rows of channels: memory is read in order, four pixels for every touch of the sums.
template <typename X>
void channel_sums(const X* x, size_t pixels, size_t channels, float* sums) {
  for (size_t c = 0; c < channels; ++c) sums[c] = 0.0f;
  size_t pixel = 0;
  for (; pixel + 4 <= pixels; pixel += 4, x += 4 * channels) {
    for_lanes(channels, [&](size_t c, auto lanes) NEWBIE_LANES {
      const X* at = x + c;
      const Floats a = hn::Add(lanes.read(at), lanes.read(at + channels));
      const Floats b = hn::Add(lanes.read(at + 2 * channels), lanes.read(at + 3 * channels));
      lanes.write(hn::Add(lanes.read(sums + c), hn::Add(a, b)), sums + c);
    });
  }
  for (; pixel < pixels; ++pixel, x += channels)
    for_lanes(channels, [&](size_t c, auto lanes)
                            NEWBIE_LANES { lanes.write(hn::Add(lanes.read(sums + c), lanes.read(x + c)), sums + c); });
}

// Sums of differences from `mean` and of their squares.
template <typename X>
void channel_differences(const X* x, size_t pixels, size_t channels, const float* mean, float* sums, float* squares) {
  for (size_t c = 0; c < channels; ++c) sums[c] = squares[c] = 0.0f;
  size_t pixel = 0;
  for (; pixel + 4 <= pixels; pixel += 4, x += 4 * channels) {
    for_lanes(channels, [&](size_t c, auto lanes) NEWBIE_LANES {
      const X* at = x + c;
      const Floats m = lanes.read(mean + c);
      const Floats a = hn::Sub(lanes.read(at), m), b = hn::Sub(lanes.read(at + channels), m);
      const Floats e = hn::Sub(lanes.read(at + 2 * channels), m), f = hn::Sub(lanes.read(at + 3 * channels), m);
      lanes.write(hn::Add(lanes.read(sums + c), hn::Add(hn::Add(a, b), hn::Add(e, f))), sums + c);
      const Floats two = hn::Add(hn::MulAdd(a, a, hn::Mul(b, b)), hn::MulAdd(e, e, hn::Mul(f, f)));
      lanes.write(hn::Add(lanes.read(squares + c), two), squares + c);
    });
  }
  for (; pixel < pixels; ++pixel, x += channels)
    for_lanes(channels, [&](size_t c, auto lanes) NEWBIE_LANES {
      const Floats a = hn::Sub(lanes.read(x + c), lanes.read(mean + c));
      lanes.write(hn::Add(lanes.read(sums + c), a), sums + c);
      lanes.write(hn::MulAdd(a, a, lanes.read(squares + c)), squares + c);
    });
}

template <typename X>
void moments_as(const X* x, size_t pixels, size_t channels, std::span<Moments> groups, float* scratch) {
  const size_t width = channels / groups.size();
  const auto count = static_cast<double>(pixels);
  float* mean = scratch;
  float* sums = mean + channels;
  float* squares = sums + channels;
  channel_sums(x, pixels, channels, mean);
  for (size_t c = 0; c < channels; ++c) mean[c] = static_cast<float>(static_cast<double>(mean[c]) / count);
  channel_differences(x, pixels, channels, mean, sums, squares);
  for (size_t g = 0; g < groups.size(); ++g) {
    Moments group;
    // The differences' own sum says how far `mean`, rounded to f32, is from the true mean.
    for (size_t c = g * width; c < (g + 1) * width; ++c)
      group.mean += static_cast<double>(mean[c]) + static_cast<double>(sums[c]) / count;
    group.mean /= static_cast<double>(width);
    for (size_t c = g * width; c < (g + 1) * width; ++c) {
      const double sum_of_differences = static_cast<double>(sums[c]);
      const double shift = static_cast<double>(mean[c]) - group.mean;
      group.squares += static_cast<double>(squares[c]) + 2.0 * shift * sum_of_differences + count * shift * shift;
    }
    groups[g] = group;
  }
}

template <bool kSilu, typename X, typename Y>
void normalize_as(const X* x, const float* mean, const float* gain, const float* bias, size_t pixels, size_t channels,
                  Y* y) {
  for (size_t pixel = 0; pixel < pixels; ++pixel, x += channels, y += channels)
    for_lanes(channels, [&](size_t c, auto lanes) NEWBIE_LANES {
      const Floats centred = hn::Sub(lanes.read(x + c), lanes.read(mean + c));
      Floats v = hn::MulAdd(centred, lanes.read(gain + c), lanes.read(bias + c));
      if constexpr (kSilu) v = silu(v);
      lanes.write(v, y + c);
    });
}

void group_moments_here(Source x, size_t pixels, size_t channels, std::span<Moments> groups, float* scratch) {
  with_type(x.dtype,
            [&](auto from) NEWBIE_LANES { moments_as(x.as<decltype(from)>(), pixels, channels, groups, scratch); });
}

void normalize_channels_here(Source x, const float* mean, const float* gain, const float* bias, bool with_silu,
                             size_t pixels, size_t channels, Target y) {
  with_type(x.dtype, [&](auto from) NEWBIE_LANES {
    with_type(y.dtype, [&](auto to) NEWBIE_LANES {
      const auto* in = x.as<decltype(from)>();
      auto* out = y.as<decltype(to)>();
      if (with_silu) {
        normalize_as<true>(in, mean, gain, bias, pixels, channels, out);
      } else {
        normalize_as<false>(in, mean, gain, bias, pixels, channels, out);
      }
    });
  });
}

}  // namespace newbie::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace newbie::cpu {

HWY_EXPORT(group_moments_here);
HWY_EXPORT(normalize_channels_here);

void group_moments(Source x, size_t pixels, size_t channels, std::span<Moments> groups, float* scratch) {
  HWY_DYNAMIC_DISPATCH(group_moments_here)(x, pixels, channels, groups, scratch);
}

void normalize_channels(Source x, const float* mean, const float* gain, const float* bias, bool with_silu,
                        size_t pixels, size_t channels, Target y) {
  HWY_DYNAMIC_DISPATCH(normalize_channels_here)(x, mean, gain, bias, with_silu, pixels, channels, y);
}

}  // namespace newbie::cpu
#endif
