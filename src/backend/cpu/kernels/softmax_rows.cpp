#include "backend/cpu/kernels/softmax_rows.h"

#include <limits>

#include "backend/cpu/kernels/highway_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/kernels/softmax_rows.cpp"
#include <hwy/foreach_target.h>  // must come before what it includes again

#include "backend/cpu/kernels/functions-inl.h"

HWY_BEFORE_NAMESPACE();
namespace newbie::cpu::HWY_NAMESPACE {

HWY_INLINE float largest_of(const float* scores, size_t count, float scale) {
  const FloatTag d;
  const size_t step = hn::Lanes(d);
  const Floats k = all(scale);
  Floats a = all(-std::numeric_limits<float>::infinity()), b = a;
  size_t i = 0;
  for (; i + 2 * step <= count; i += 2 * step) {
    a = hn::Max(a, hn::Mul(k, load(scores + i)));
    b = hn::Max(b, hn::Mul(k, load(scores + i + step)));
  }
  float largest = hn::GetLane(hn::MaxOfLanes(d, hn::Max(a, b)));
  for (; i < count; ++i) largest = HWY_MAX(largest, scale * scores[i]);
  return largest;
}

template <typename T>
float softmax_into(const float* scores, const SoftmaxRow& row, T* probabilities) {
  const FloatTag d;
  const float largest = largest_of(scores + row.first, row.last - row.first, row.scale);
  const Floats k = all(row.scale), shift = all(largest);
  Floats total = all(0.0f);
  const auto fill = [&](size_t from, size_t to) NEWBIE_LANES {
    for_lanes(to - from, [&](size_t i, auto lanes) NEWBIE_LANES { lanes.write(all(0.0f), probabilities + from + i); });
  };
  const auto exponential = [&](Floats score) NEWBIE_LANES {
    const Floats x = hn::MulSub(k, score, shift);
    return hn::IfThenElse(hn::IsNaN(x), x, hn::Exp(d, x));  // Exp alone makes 0 of NaN
  };

  fill(0, row.first);
  const size_t step = hn::Lanes(d);
  size_t i = row.first;
  for (; i + step <= row.last; i += step) {
    const Floats e = exponential(load(scores + i));
    total = hn::Add(total, e);
    store(e, probabilities + i);
  }
  if (i < row.last) {
    const Rest rest{row.last - i};
    const Floats e = hn::IfThenElseZero(hn::FirstN(d, rest.count), exponential(rest.read(scores + i)));
    total = hn::Add(total, e);
    rest.write(e, probabilities + i);
  }
  fill(row.last, row.keys);
  return sum(total);
}

float softmax_row_here(const float* scores, const SoftmaxRow& row, Target probabilities) {
  float total = 0.0f;
  with_type(probabilities.dtype, [&](auto element) NEWBIE_LANES {
    total = softmax_into(scores, row, probabilities.as<decltype(element)>());
  });
  return total;
}

void scale_row_here(const float* from, size_t width, float factor, Target to) {
  with_type(to.dtype, [&](auto element) NEWBIE_LANES {
    auto* out = to.as<decltype(element)>();
    for_lanes(width, [&](size_t i, auto lanes)
                         NEWBIE_LANES { lanes.write(hn::Mul(lanes.read(from + i), all(factor)), out + i); });
  });
}

}  // namespace newbie::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace newbie::cpu {

HWY_EXPORT(softmax_row_here);
HWY_EXPORT(scale_row_here);

float softmax_row(const float* scores, const SoftmaxRow& row, Target probabilities) {
  return HWY_DYNAMIC_DISPATCH(softmax_row_here)(scores, row, probabilities);
}

void scale_row(const float* from, size_t width, float factor, Target to) {
  HWY_DYNAMIC_DISPATCH(scale_row_here)(from, width, factor, to);
}

}  // namespace newbie::cpu
#endif
