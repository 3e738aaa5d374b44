#include "backend/cpu/kernels/norm_gradients.h"

#include <cmath>

#include "backend/cpu/kernels/highway_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/kernels/norm_gradients.cpp"
#include <hwy/foreach_target.h>  // must come before what it includes again

#include "backend/cpu/kernels/sums-inl.h"

HWY_BEFORE_NAMESPACE();
namespace newbie::cpu::HWY_NAMESPACE {

// One row. With c = x − mean(x) and g = dy ⊙ gain: y = r · (g − mean(g) − c · r² · mean(g ⊙ c)). An RMS norm takes no
// means off.
template <bool kCentred, typename X, typename D, typename Y>
HWY_INLINE void gradient_of_row(const X* x, const float* gain, const D* dy, float eps, size_t width, Y* y) {
  const auto count = static_cast<float>(width);
  float mean_of_x = 0.0f;
  if constexpr (kCentred)
    mean_of_x = sum_over(x, width, [](Floats v, Floats so_far) NEWBIE_LANES { return hn::Add(v, so_far); }) / count;
  const Floats mean = all(mean_of_x);
  const float squares = sum_over(x, width, [&](Floats v, Floats so_far) NEWBIE_LANES {
    const Floats difference = hn::Sub(v, mean);
    return hn::MulAdd(difference, difference, so_far);
  });
  const auto scaled = [&](size_t i, auto lanes) NEWBIE_LANES {
    const Floats g = lanes.read(dy + i);
    return gain == nullptr ? g : hn::Mul(g, lanes.read(gain + i));
  };
  // Lanes beyond the row read 0 for dy, and so count for nothing.
  Floats products = all(0.0f), total = all(0.0f);
  for_lanes(width, [&](size_t i, auto lanes) NEWBIE_LANES {
    const Floats g = scaled(i, lanes);
    products = hn::MulAdd(g, hn::Sub(lanes.read(x + i), mean), products);
    if constexpr (kCentred) total = hn::Add(total, g);
  });
  const float r = 1.0f / std::sqrt(squares / count + eps);
  const Floats along = all(sum(products) * r * r / count), mean_of_g = all(kCentred ? sum(total) / count : 0.0f);
  for_lanes(width, [&](size_t i, auto lanes) NEWBIE_LANES {
    const Floats g = hn::Sub(scaled(i, lanes), mean_of_g);
    lanes.write(hn::Mul(all(r), hn::NegMulAdd(hn::Sub(lanes.read(x + i), mean), along, g)), y + i);
  });
}

template <bool kCentred>
HWY_INLINE void gradient_rows(Source x, const float* gain, Source dy, float eps, size_t rows, size_t width, Target y) {
  with_type(x.dtype, [&](auto value) NEWBIE_LANES {
    with_type(dy.dtype, [&](auto gradient) NEWBIE_LANES {
      with_type(y.dtype, [&](auto result) NEWBIE_LANES {
        for (size_t row = 0; row < rows; ++row)
          gradient_of_row<kCentred>(x.as<decltype(value)>() + row * width, gain,
                                    dy.as<decltype(gradient)>() + row * width, eps, width,
                                    y.as<decltype(result)>() + row * width);
      });
    });
  });
}

void rms_norm_gradient_here(Source x, const float* gain, Source dy, float eps, size_t rows, size_t width, Target y) {
  gradient_rows<false>(x, gain, dy, eps, rows, width, y);
}

void layer_norm_gradient_here(Source x, const float* weight, Source dy, float eps, size_t rows, size_t width,
                              Target y) {
  gradient_rows<true>(x, weight, dy, eps, rows, width, y);
}

}  // namespace newbie::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace newbie::cpu {

HWY_EXPORT(rms_norm_gradient_here);
HWY_EXPORT(layer_norm_gradient_here);

void rms_norm_gradient_rows(Source x, const float* gain, Source dy, float eps, size_t rows, size_t width, Target y) {
  HWY_DYNAMIC_DISPATCH(rms_norm_gradient_here)(x, gain, dy, eps, rows, width, y);
}

void layer_norm_gradient_rows(Source x, const float* weight, Source dy, float eps, size_t rows, size_t width,
                              Target y) {
  HWY_DYNAMIC_DISPATCH(layer_norm_gradient_here)(x, weight, dy, eps, rows, width, y);
}

}  // namespace newbie::cpu
#endif
