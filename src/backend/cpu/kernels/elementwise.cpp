#include "backend/cpu/kernels/elementwise.h"

#include "backend/cpu/kernels/highway_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/kernels/elementwise.cpp"
#include <hwy/foreach_target.h>  // must come before what it includes again

#include "backend/cpu/kernels/functions-inl.h"

HWY_BEFORE_NAMESPACE();
namespace newbie::cpu::HWY_NAMESPACE {

template <typename X, typename Y, typename F>
HWY_INLINE void map(const X* x, size_t count, Y* y, const F& f) {
  for_lanes(count, [&](size_t i, auto lanes) NEWBIE_LANES { lanes.write(f(lanes.read(x + i)), y + i); });
}

template <typename X, typename Y>
void map_as(Function f, float scalar, const X* x, size_t count, Y* y) {
  switch (f) {
    case Function::Itself: return map(x, count, y, [](Floats v) NEWBIE_LANES { return v; });
    case Function::Silu: return map(x, count, y, [](Floats v) NEWBIE_LANES { return silu(v); });
    case Function::GeluTanh: return map(x, count, y, [](Floats v) NEWBIE_LANES { return gelu_tanh(v); });
    case Function::GeluErf: return map(x, count, y, [](Floats v) NEWBIE_LANES { return gelu_erf(v); });
    case Function::Tanh: return map(x, count, y, [](Floats v) NEWBIE_LANES { return tanh(v); });
    case Function::Relu:  // the comparison is false for NaN, which so stays
      return map(x, count, y, [](Floats v) NEWBIE_LANES { return hn::IfThenZeroElse(hn::Lt(v, all(0.0f)), v); });
    case Function::AddScalar:
      return map(x, count, y, [scalar](Floats v) NEWBIE_LANES { return hn::Add(v, all(scalar)); });
    case Function::MulScalar:
      return map(x, count, y, [scalar](Floats v) NEWBIE_LANES { return hn::Mul(v, all(scalar)); });
  }
}

template <typename A, typename B, typename Y, typename F>
HWY_INLINE void combine(const A* a, const B* b, size_t count, Y* y, const F& f) {
  for_lanes(count,
            [&](size_t i, auto lanes) NEWBIE_LANES { lanes.write(f(lanes.read(a + i), lanes.read(b + i)), y + i); });
}

template <typename A, typename B, typename Y>
void add_or_multiply(Pairing p, const A* a, const B* b, size_t count, Y* y) {
  if (p == Pairing::Sum)
    combine(a, b, count, y, [](Floats v, Floats w) NEWBIE_LANES { return hn::Add(v, w); });
  else
    combine(a, b, count, y, [](Floats v, Floats w) NEWBIE_LANES { return hn::Mul(v, w); });
}

template <typename A, typename Y>
void gate(Pairing p, const A* a, const A* b, size_t count, Y* y) {
  if (p == Pairing::Swiglu)
    combine(a, b, count, y, [](Floats v, Floats w) NEWBIE_LANES { return hn::Mul(silu(v), w); });
  else if (p == Pairing::SiluGradient)
    combine(a, b, count, y, [](Floats v, Floats w) NEWBIE_LANES { return hn::Mul(silu_slope(v), w); });
  else
    combine(a, b, count, y, [](Floats v, Floats w) NEWBIE_LANES { return hn::Mul(gelu_tanh(v), w); });
}

template <typename X, typename Y, typename F>
HWY_INLINE void with_row(const X* x, const float* row, size_t rows, size_t width, Y* y, const F& f) {
  for (size_t r = 0; r < rows; ++r, x += width, y += width) combine(x, row, width, y, f);
}

template <typename B, typename X, typename Y>
void add_scaled_as(const B* base, const X* x, const float* gain, size_t rows, size_t width, Y* y) {
  for (size_t r = 0; r < rows; ++r, base += width, x += width, y += width)
    for_lanes(width, [&](size_t i, auto lanes) NEWBIE_LANES {
      lanes.write(hn::MulAdd(lanes.read(x + i), lanes.read(gain + i), lanes.read(base + i)), y + i);
    });
}

void map_elements_here(Function f, float scalar, Source x, size_t count, Target y) {
  with_type(x.dtype, [&](auto from) NEWBIE_LANES {
    with_type(y.dtype,
              [&](auto to) NEWBIE_LANES { map_as(f, scalar, x.as<decltype(from)>(), count, y.as<decltype(to)>()); });
  });
}

void combine_elements_here(Pairing p, Source a, Source b, size_t count, Target y) {
  with_type(a.dtype, [&](auto first) NEWBIE_LANES {
    with_type(y.dtype, [&](auto to) NEWBIE_LANES {
      const auto* from = a.as<decltype(first)>();
      auto* out = y.as<decltype(to)>();
      if (p != Pairing::Sum && p != Pairing::Product) return gate(p, from, b.as<decltype(first)>(), count, out);
      with_type(b.dtype,
                [&](auto second) NEWBIE_LANES { add_or_multiply(p, from, b.as<decltype(second)>(), count, out); });
    });
  });
}

void add_row_here(Source x, const float* row, size_t rows, size_t width, Target y) {
  with_type(x.dtype, [&](auto from) NEWBIE_LANES {
    with_type(y.dtype, [&](auto to) NEWBIE_LANES {
      with_row(x.as<decltype(from)>(), row, rows, width, y.as<decltype(to)>(),
               [](Floats v, Floats w) NEWBIE_LANES { return hn::Add(v, w); });
    });
  });
}

void scale_rows_here(Source x, const float* gain, size_t rows, size_t width, Target y) {
  with_type(x.dtype, [&](auto from) NEWBIE_LANES {
    with_type(y.dtype, [&](auto to) NEWBIE_LANES {
      with_row(x.as<decltype(from)>(), gain, rows, width, y.as<decltype(to)>(),
               [](Floats v, Floats w) NEWBIE_LANES { return hn::Mul(v, w); });
    });
  });
}

void add_scaled_rows_here(Source base, Source x, const float* gain, size_t rows, size_t width, Target y) {
  with_type(base.dtype, [&](auto sum_element) NEWBIE_LANES {
    with_type(x.dtype, [&](auto from) NEWBIE_LANES {
      with_type(y.dtype, [&](auto to) NEWBIE_LANES {
        add_scaled_as(base.as<decltype(sum_element)>(), x.as<decltype(from)>(), gain, rows, width,
                      y.as<decltype(to)>());
      });
    });
  });
}

}  // namespace newbie::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace newbie::cpu {

HWY_EXPORT(map_elements_here);
HWY_EXPORT(combine_elements_here);
HWY_EXPORT(add_row_here);
HWY_EXPORT(scale_rows_here);
HWY_EXPORT(add_scaled_rows_here);

void map_elements(Function f, float scalar, Source x, size_t count, Target y) {
  HWY_DYNAMIC_DISPATCH(map_elements_here)(f, scalar, x, count, y);
}

void combine_elements(Pairing p, Source a, Source b, size_t count, Target y) {
  HWY_DYNAMIC_DISPATCH(combine_elements_here)(p, a, b, count, y);
}

void add_row(Source x, const float* row, size_t rows, size_t width, Target y) {
  HWY_DYNAMIC_DISPATCH(add_row_here)(x, row, rows, width, y);
}

void scale_rows(Source x, const float* gain, size_t rows, size_t width, Target y) {
  HWY_DYNAMIC_DISPATCH(scale_rows_here)(x, gain, rows, width, y);
}

void add_scaled_rows(Source base, Source x, const float* gain, size_t rows, size_t width, Target y) {
  HWY_DYNAMIC_DISPATCH(add_scaled_rows_here)(base, x, gain, rows, width, y);
}

}  // namespace newbie::cpu
#endif
