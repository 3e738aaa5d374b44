// f32 lanes over f32, bf16 and f16 elements, compiled once per instruction set (Highway's toggled include guard).
#if defined(NEWBIE_LANES_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef NEWBIE_LANES_INL_H
#undef NEWBIE_LANES_INL_H
#else
#define NEWBIE_LANES_INL_H
#endif

#include <hwy/highway.h>

#include <cstring>

#include "backend/cpu/kernels/elements.h"
#include "core/float_formats.h"

// For lambdas inside kernels: Highway's target attributes do not reach them by themselves.
#ifndef NEWBIE_LANES
#define NEWBIE_LANES HWY_ATTR __attribute__((always_inline))
#endif

HWY_BEFORE_NAMESPACE();
namespace newbie::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using FloatTag = hn::ScalableTag<float>;
using Floats = hn::Vec<FloatTag>;

HWY_INLINE Floats all(float x) { return hn::Set(FloatTag(), x); }
HWY_INLINE float sum(Floats v) { return hn::GetLane(hn::SumOfLanes(FloatTag(), v)); }

HWY_INLINE Floats load(const float* from) { return hn::LoadU(FloatTag(), from); }

HWY_INLINE Floats load(const bf16_t* from) {
  const hn::Rebind<uint16_t, FloatTag> narrow;
  const hn::Rebind<uint32_t, FloatTag> wide;
  return hn::BitCast(FloatTag(), hn::ShiftLeft<16>(hn::PromoteTo(wide, hn::LoadU(narrow, &from->bits))));
}

// Exact for all 65536, infinities and subnormals too; Highway 1.0's scalar promotion takes infinity for 65536.
HWY_INLINE Floats load(const f16_t* from) {
  const hn::Rebind<uint16_t, FloatTag> narrow;
  const hn::Rebind<uint32_t, FloatTag> wide;
  const auto bits = hn::PromoteTo(wide, hn::LoadU(narrow, &from->bits));
  const auto magnitude = hn::And(bits, hn::Set(wide, 0x7FFFu));
  // Exponent and fraction in their new places; the product moves the exponent's bias from 15 to 127.
  const Floats finite = hn::Mul(hn::BitCast(FloatTag(), hn::ShiftLeft<13>(magnitude)), all(0x1p112f));
  const auto infinite = hn::Or(hn::ShiftLeft<13>(magnitude), hn::Set(wide, 0x7F800000u));
  const auto is_finite = hn::Lt(magnitude, hn::Set(wide, 0x7C00u));
  const auto kept = hn::IfThenElse(is_finite, hn::BitCast(wide, finite), infinite);
  const auto sign = hn::ShiftLeft<16>(hn::And(bits, hn::Set(wide, 0x8000u)));
  return hn::BitCast(FloatTag(), hn::Or(kept, sign));
}

HWY_INLINE void store(Floats v, float* to) { hn::StoreU(v, FloatTag(), to); }

// The same bits as to_bf16 (core/float_formats.h): nearest even, NaN made quiet. Highway 1.0's own demotion truncates.
HWY_INLINE void store(Floats v, bf16_t* to) {
  const hn::Rebind<uint32_t, FloatTag> wide;
  const hn::Rebind<int32_t, FloatTag> wide_signed;
  const hn::Rebind<uint16_t, FloatTag> narrow;
  const auto bits = hn::BitCast(wide, v);
  const auto high = hn::ShiftRight<16>(bits);
  const auto odd = hn::And(high, hn::Set(wide, 1u));
  const auto rounded = hn::ShiftRight<16>(hn::Add(bits, hn::Add(odd, hn::Set(wide, 0x7FFFu))));
  const auto quiet = hn::Or(high, hn::Set(wide, 0x0040u));
  const auto is_nan = hn::RebindMask(wide, hn::IsNaN(v));
  const auto kept = hn::IfThenElse(is_nan, quiet, rounded);
  hn::StoreU(hn::DemoteTo(narrow, hn::BitCast(wide_signed, kept)), narrow, &to->bits);
}

// A whole vector of elements, or the rest of a row: for_lanes hands one or the other to its body.
struct Whole {
  template <typename T>
  HWY_INLINE Floats read(const T* from) const {
    return load(from);
  }
  template <typename T>
  HWY_INLINE void write(Floats v, T* to) const {
    store(v, to);
  }
};

struct Rest {
  size_t count;

  // Lanes beyond the row are 0.
  template <typename T>
  HWY_INLINE Floats read(const T* from) const {
    T padded[HWY_LANES(float)] = {};
    std::memcpy(padded, from, count * sizeof(T));
    return load(padded);
  }
  template <typename T>
  HWY_INLINE void write(Floats v, T* to) const {
    T padded[HWY_LANES(float)];
    store(v, padded);
    std::memcpy(to, padded, count * sizeof(T));
  }
};

// body(i, lanes) for i = 0, N, 2N, … below `count`; body reads and writes elements i… through `lanes`.
template <typename Body>
HWY_INLINE void for_lanes(size_t count, const Body& body) {
  const size_t step = hn::Lanes(FloatTag());
  size_t i = 0;
  for (; i + step <= count; i += step) body(i, Whole{});
  if (i < count) body(i, Rest{count - i});
}

// f(element) with an element of the C++ type behind `dtype`, F32 or BF16.
template <typename F>
HWY_INLINE void with_type(DType dtype, const F& f) {
  if (dtype == DType::BF16) {
    f(bf16_t{});
  } else {
    f(float{});
  }
}

}  // namespace newbie::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // NEWBIE_LANES_INL_H
