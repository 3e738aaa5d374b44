#include "backend/cpu/kernels/norms.h"

#include <cmath>

#include "backend/cpu/kernels/highway_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/kernels/norms.cpp"
#include <hwy/foreach_target.h>  // must come before what it includes again

#include "backend/cpu/kernels/sums-inl.h"

HWY_BEFORE_NAMESPACE();
namespace newbie::cpu::HWY_NAMESPACE {

template <typename X>
HWY_INLINE Floats inverse_rms(const X* x, size_t width, float eps) {
  const float squares =
      sum_over(x, width, [](Floats v, Floats so_far) NEWBIE_LANES { return hn::MulAdd(v, v, so_far); });
  return all(1.0f / std::sqrt(squares / static_cast<float>(width) + eps));
}

template <typename X, typename Y>
void rms_norm_as(const X* x, const float* gain, float eps, size_t rows, size_t width, Y* y) {
  for (size_t row = 0; row < rows; ++row, x += width, y += width) {
    const Floats r = inverse_rms(x, width, eps);
    for_lanes(width, [&](size_t i, auto lanes) NEWBIE_LANES {
      lanes.write(hn::Mul(hn::Mul(lanes.read(x + i), r), lanes.read(gain + i)), y + i);
    });
  }
}

template <typename B, typename X, typename Y>
void rms_norm_residual_as(const B* base, const X* x, const float* gain, float eps, size_t rows, size_t width, Y* y) {
  for (size_t row = 0; row < rows; ++row, base += width, x += width, y += width) {
    const Floats r = inverse_rms(x, width, eps);
    for_lanes(width, [&](size_t i, auto lanes) NEWBIE_LANES {
      const Floats normed = hn::Mul(lanes.read(x + i), r);
      lanes.write(hn::MulAdd(normed, lanes.read(gain + i), lanes.read(base + i)), y + i);
    });
  }
}

template <typename X, typename Y>
void layer_norm_as(const X* x, const float* weight, const float* bias, float eps, size_t rows, size_t width, Y* y) {
  const auto count = static_cast<float>(width);
  for (size_t row = 0; row < rows; ++row, x += width, y += width) {
    const float total = sum_over(x, width, [](Floats v, Floats so_far) NEWBIE_LANES { return hn::Add(v, so_far); });
    const Floats mean = all(total / count);
    const float squares = sum_over(x, width, [&](Floats v, Floats so_far) NEWBIE_LANES {
      const Floats difference = hn::Sub(v, mean);
      return hn::MulAdd(difference, difference, so_far);
    });
    const Floats r = all(1.0f / std::sqrt(squares / count + eps));
    for_lanes(width, [&](size_t i, auto lanes) NEWBIE_LANES {
      Floats v = hn::Mul(hn::Sub(lanes.read(x + i), mean), r);
      if (weight != nullptr) v = hn::MulAdd(v, lanes.read(weight + i), lanes.read(bias + i));
      lanes.write(v, y + i);
    });
  }
}

void rms_norm_here(Source x, const float* gain, float eps, size_t rows, size_t width, Target y) {
  with_type(x.dtype, [&](auto from) NEWBIE_LANES {
    with_type(y.dtype, [&](auto to) NEWBIE_LANES {
      rms_norm_as(x.as<decltype(from)>(), gain, eps, rows, width, y.as<decltype(to)>());
    });
  });
}

void rms_norm_residual_here(Source base, Source x, const float* gain, float eps, size_t rows, size_t width, Target y) {
  with_type(base.dtype, [&](auto sum_element) NEWBIE_LANES {
    with_type(x.dtype, [&](auto from) NEWBIE_LANES {
      with_type(y.dtype, [&](auto to) NEWBIE_LANES {
        rms_norm_residual_as(base.as<decltype(sum_element)>(), x.as<decltype(from)>(), gain, eps, rows, width,
                             y.as<decltype(to)>());
      });
    });
  });
}

void layer_norm_here(Source x, const float* weight, const float* bias, float eps, size_t rows, size_t width, Target y) {
  with_type(x.dtype, [&](auto from) NEWBIE_LANES {
    with_type(y.dtype, [&](auto to) NEWBIE_LANES {
      layer_norm_as(x.as<decltype(from)>(), weight, bias, eps, rows, width, y.as<decltype(to)>());
    });
  });
}

}  // namespace newbie::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace newbie::cpu {

HWY_EXPORT(rms_norm_here);
HWY_EXPORT(rms_norm_residual_here);
HWY_EXPORT(layer_norm_here);

void rms_norm_rows(Source x, const float* gain, float eps, size_t rows, size_t width, Target y) {
  HWY_DYNAMIC_DISPATCH(rms_norm_here)(x, gain, eps, rows, width, y);
}

void rms_norm_residual_rows(Source base, Source x, const float* gain, float eps, size_t rows, size_t width, Target y) {
  HWY_DYNAMIC_DISPATCH(rms_norm_residual_here)(base, x, gain, eps, rows, width, y);
}

void layer_norm_rows(Source x, const float* weight, const float* bias, float eps, size_t rows, size_t width, Target y) {
  HWY_DYNAMIC_DISPATCH(layer_norm_here)(x, weight, bias, eps, rows, width, y);
}

}  // namespace newbie::cpu
#endif
