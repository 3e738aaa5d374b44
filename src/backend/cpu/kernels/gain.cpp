#include "backend/cpu/kernels/gain.h"

#include "backend/cpu/kernels/highway_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/kernels/gain.cpp"
#include <hwy/foreach_target.h>  // must come before what it includes again

#include "backend/cpu/kernels/functions-inl.h"

HWY_BEFORE_NAMESPACE();
namespace newbie::cpu::HWY_NAMESPACE {

template <typename T>
void gain_of(const float* weight, float offset, RowFunction f, const T* row, size_t width, float* gain) {
  for_lanes(width, [&](size_t i, auto lanes) NEWBIE_LANES {
    Floats v = all(1.0f);
    if (row != nullptr) {
      v = lanes.read(row + i);
      if (f == RowFunction::OnePlus) v = hn::Add(v, all(1.0f));
      if (f == RowFunction::Tanh) v = tanh(v);
    }
    if (weight != nullptr) v = hn::Mul(v, hn::Add(lanes.read(weight + i), all(offset)));
    lanes.write(v, gain + i);
  });
}

void make_gain_here(const float* weight, float offset, RowFunction f, Source row, size_t width, float* gain) {
  with_type(row.dtype,
            [&](auto element) NEWBIE_LANES { gain_of(weight, offset, f, row.as<decltype(element)>(), width, gain); });
}

}  // namespace newbie::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace newbie::cpu {

HWY_EXPORT(make_gain_here);

void make_gain(const float* weight, float offset, RowFunction f, Source row, size_t width, float* gain) {
  HWY_DYNAMIC_DISPATCH(make_gain_here)(weight, offset, f, row, width, gain);
}

}  // namespace newbie::cpu
#endif
