#include "backend/cpu/kernels/rope.h"

#include <cmath>

#include "backend/cpu/kernels/highway_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/kernels/rope.cpp"
#include <hwy/foreach_target.h>  // must come before what it includes again

#include "backend/cpu/kernels/sums-inl.h"

HWY_BEFORE_NAMESPACE();
namespace newbie::cpu::HWY_NAMESPACE {

// One row's angles as factors, the same for all its heads: o[i] = own[i]·x[i] + other[i]·x[i's partner]. The norm's
// gain is part of them.
void factors_of(const RopeHeads& form, const float* cos, const float* sin, float* own, float* other) {
  const FloatTag d;
  const size_t half = form.head_size / 2, step = hn::Lanes(d);
  const bool interleaved = form.layout == RopeLayout::Interleaved;
  size_t k = 0;
  for (; k + step <= half; k += step) {
    const Floats c = load(cos + k), s = load(sin + k);
    Floats first = all(1.0f), second = first;  // gains of the pair
    if (form.gain != nullptr && interleaved) hn::LoadInterleaved2(d, form.gain + 2 * k, first, second);
    if (form.gain != nullptr && !interleaved) {
      first = load(form.gain + k);
      second = load(form.gain + half + k);
    }
    const Floats own_first = hn::Mul(first, c), own_second = hn::Mul(second, c);
    const Floats other_first = hn::Neg(hn::Mul(second, s)), other_second = hn::Mul(first, s);
    if (interleaved) {
      hn::StoreInterleaved2(own_first, own_second, d, own + 2 * k);
      hn::StoreInterleaved2(other_first, other_second, d, other + 2 * k);
    } else {
      store(own_first, own + k);
      store(own_second, own + half + k);
      store(other_first, other + k);
      store(other_second, other + half + k);
    }
  }
  for (; k < half; ++k) {
    const size_t a = interleaved ? 2 * k : k, b = interleaved ? 2 * k + 1 : half + k;
    const float first = form.gain == nullptr ? 1.0f : form.gain[a], second = form.gain == nullptr ? 1.0f : form.gain[b];
    own[a] = first * cos[k];
    own[b] = second * cos[k];
    other[a] = -second * sin[k];
    other[b] = first * sin[k];
  }
}

template <typename X, typename Y>
HWY_INLINE void rotate_neighbours(const X* x, size_t n, const float* own, const float* other, Floats r, Y* y) {
#if HWY_TARGET == HWY_SCALAR
  for (size_t i = 0; i < n; i += 2) {
    const Floats a = hn::Mul(load(x + i), r), b = hn::Mul(load(x + i + 1), r);
    store(hn::MulAdd(a, load(own + i), hn::Mul(b, load(other + i))), y + i);
    store(hn::MulAdd(b, load(own + i + 1), hn::Mul(a, load(other + i + 1))), y + i + 1);
  }
#else
  for_lanes(n, [&](size_t i, auto lanes) NEWBIE_LANES {
    const Floats v = hn::Mul(lanes.read(x + i), r);
    const Floats turned = hn::Mul(hn::Reverse2(FloatTag(), v), lanes.read(other + i));
    lanes.write(hn::MulAdd(v, lanes.read(own + i), turned), y + i);
  });
#endif
}

template <typename X, typename Y>
HWY_INLINE void rotate_halves(const X* x, size_t n, const float* own, const float* other, Floats r, Y* y) {
  const size_t half = n / 2;
  for_lanes(half, [&](size_t i, auto lanes) NEWBIE_LANES {
    const Floats a = hn::Mul(lanes.read(x + i), r), b = hn::Mul(lanes.read(x + half + i), r);
    lanes.write(hn::MulAdd(a, lanes.read(own + i), hn::Mul(b, lanes.read(other + i))), y + i);
    lanes.write(hn::MulAdd(b, lanes.read(own + half + i), hn::Mul(a, lanes.read(other + half + i))), y + half + i);
  });
}

template <typename X, typename Y>
void rope_as(const RopeHeads& form, const X* x, const float* cos, const float* sin, size_t rows, Y* y, float* scratch) {
  const size_t n = form.head_size;
  float* own = scratch;
  float* other = scratch + n;
  for (size_t row = 0; row < rows; ++row, cos += n / 2, sin += n / 2) {
    factors_of(form, cos, sin, own, other);
    for (size_t head = 0; head < form.heads; ++head, x += n, y += n) {
      Floats r = all(1.0f);
      if (form.gain != nullptr) {
        const float squares =
            sum_over(x, n, [](Floats v, Floats so_far) NEWBIE_LANES { return hn::MulAdd(v, v, so_far); });
        r = all(1.0f / std::sqrt(squares / static_cast<float>(n) + form.eps));
      }
      if (form.layout == RopeLayout::Interleaved) {
        rotate_neighbours(x, n, own, other, r, y);
      } else {
        rotate_halves(x, n, own, other, r, y);
      }
    }
  }
}

void rope_here(const RopeHeads& form, Source x, const float* cos, const float* sin, size_t rows, Target y,
               float* scratch) {
  with_type(x.dtype, [&](auto from) NEWBIE_LANES {
    with_type(y.dtype, [&](auto to) NEWBIE_LANES {
      rope_as(form, x.as<decltype(from)>(), cos, sin, rows, y.as<decltype(to)>(), scratch);
    });
  });
}

}  // namespace newbie::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace newbie::cpu {

HWY_EXPORT(rope_here);

void rope_rows(const RopeHeads& form, Source x, const float* cos, const float* sin, size_t rows, Target y,
               float* scratch) {
  HWY_DYNAMIC_DISPATCH(rope_here)(form, x, cos, sin, rows, y, scratch);
}

}  // namespace newbie::cpu
#endif
