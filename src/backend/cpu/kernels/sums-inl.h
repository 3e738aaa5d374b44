// Sums along a row of elements, in four vectors of f32 lanes added in a fixed order; once per instruction set.
#if defined(NEWBIE_SUMS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef NEWBIE_SUMS_INL_H
#undef NEWBIE_SUMS_INL_H
#else
#define NEWBIE_SUMS_INL_H
#endif

#include "backend/cpu/kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace newbie::cpu::HWY_NAMESPACE {

// Σ of what add(v, so_far) adds for every element; lanes beyond the row count for nothing, whatever add makes of them.
template <typename X, typename Add>
HWY_INLINE float sum_over(const X* x, size_t width, const Add& add) {
  const size_t step = hn::Lanes(FloatTag());
  Floats a = all(0.0f), b = a, c = a, d = a;
  size_t i = 0;
  for (; i + 4 * step <= width; i += 4 * step) {
    a = add(load(x + i), a);
    b = add(load(x + i + step), b);
    c = add(load(x + i + 2 * step), c);
    d = add(load(x + i + 3 * step), d);
  }
  for (; i + step <= width; i += step) a = add(load(x + i), a);
  if (i < width) {
    const size_t rest = width - i;
    b = hn::IfThenElse(hn::FirstN(FloatTag(), rest), add(Rest{rest}.read(x + i), b), b);
  }
  return sum(hn::Add(hn::Add(a, b), hn::Add(c, d)));
}

}  // namespace newbie::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // NEWBIE_SUMS_INL_H
