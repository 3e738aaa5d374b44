// Activation functions of f32 lanes (formulas: graph/ops/elementwise.h), once per instruction set. Each stays within
// 4e-7 of its value; gelu_tanh and gelu_erf, whose left tails cancel, within 4e-7 of |x|. NaN stays NaN.
#if defined(NEWBIE_FUNCTIONS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef NEWBIE_FUNCTIONS_INL_H
#undef NEWBIE_FUNCTIONS_INL_H
#else
#define NEWBIE_FUNCTIONS_INL_H
#endif

#include <hwy/contrib/math/math-inl.h>

#include "backend/cpu/kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace newbie::cpu::HWY_NAMESPACE {

// e^x for x <= 0, in half of the steps that the general function takes: e^x = 2^n e^r, |r| <= ln2 / 2, with a minimax
// polynomial for e^r (relative error 3e-9). Subnormal results are kept; below -104, and for NaN, the result is 0.
HWY_INLINE Floats exp_of_nonpositive(Floats x) {
  const FloatTag d;
  const hn::Rebind<uint32_t, FloatTag> bits;
  x = hn::IfThenElse(hn::Ge(x, all(-104.0f)), x, all(-104.0f));
  // Adding 1.5 · 2^23 rounds to a whole number, which is then in the low bits.
  const Floats shifted = hn::MulAdd(x, all(1.442695040888963f), all(12582912.0f));
  const Floats n = hn::Sub(shifted, all(12582912.0f));
  Floats r = hn::MulAdd(n, all(-0.693145751953125f), x);  // ln2 in two parts; the product with the first is exact
  r = hn::MulAdd(n, all(-1.428606765330187e-06f), r);
  Floats p = all(0.001381446490995586f);
  p = hn::MulAdd(p, r, all(0.008368780836462975f));
  p = hn::MulAdd(p, r, all(0.04166839271783829f));
  p = hn::MulAdd(p, r, all(0.1666651964187622f));
  p = hn::MulAdd(p, r, all(0.4999999403953552f));
  p = hn::MulAdd(hn::Mul(p, r), r, hn::Add(r, all(1.0f)));
  // 2^n may be subnormal, 2^(n + 64) is not.
  const auto exponent = hn::ShiftLeft<23>(hn::Add(hn::BitCast(bits, shifted), hn::Set(bits, 127u + 64u)));
  return hn::Mul(hn::Mul(p, hn::BitCast(d, exponent)), all(0x1p-64f));
}

// σ by the exponential of −|x|, which cannot overflow and keeps the left tail.
HWY_INLINE Floats sigmoid(Floats x) {
  const FloatTag d;
  const Floats one = all(1.0f);
  const Floats e = exp_of_nonpositive(hn::Neg(hn::Abs(x)));
  return hn::Div(hn::IfThenElse(hn::Lt(x, hn::Zero(d)), e, one), hn::Add(one, e));
}

HWY_INLINE Floats silu(Floats x) { return hn::Mul(x, sigmoid(x)); }

// silu'(x) = σ(x) (1 + x σ(−x)); both sigmoids from the one exponential of −|x|.
HWY_INLINE Floats silu_slope(Floats x) {
  const FloatTag d;
  const Floats one = all(1.0f);
  const Floats e = exp_of_nonpositive(hn::Neg(hn::Abs(x))), sum = hn::Add(one, e);
  const auto negative = hn::Lt(x, hn::Zero(d));
  const Floats sigmoid_of_x = hn::Div(hn::IfThenElse(negative, e, one), sum);
  const Floats rest = hn::Div(hn::IfThenElse(negative, one, e), sum);
  return hn::Mul(sigmoid_of_x, hn::MulAdd(x, rest, one));
}

// Near 0 an odd polynomial (minimax fit of tanh(x)/x on [0, 0.625], relative error 5e-9), elsewhere
// (1 − e^(−2|x|)) / (1 + e^(−2|x|)).
HWY_INLINE Floats tanh(Floats x) {
  const Floats size = hn::Abs(x);
  const Floats y = hn::Mul(x, x);
  Floats p = all(-0.005704978480935097f);
  p = hn::MulAdd(p, y, all(0.020639078691601753f));
  p = hn::MulAdd(p, y, all(-0.05373971164226532f));
  p = hn::MulAdd(p, y, all(0.13331441581249237f));
  p = hn::MulAdd(p, y, all(-0.3333328068256378f));
  const Floats near = hn::MulAdd(hn::Mul(p, y), x, x);
  const Floats e = exp_of_nonpositive(hn::Mul(size, all(-2.0f)));
  const Floats far = hn::Div(hn::Sub(all(1.0f), e), hn::Add(all(1.0f), e));
  return hn::IfThenElse(hn::Ge(size, all(0.625f)), hn::CopySign(far, x), near);
}

// 0.5 (1 + tanh z) = σ(2z)
HWY_INLINE Floats gelu_tanh(Floats x) {
  const Floats cubic = hn::MulAdd(hn::Mul(hn::Mul(x, x), all(0.044715f)), x, x);
  return hn::Mul(x, sigmoid(hn::Mul(cubic, all(1.5957691216057308f))));  // 2·√(2/π)
}

// x Φ(x), Φ(−z√2) = erfc(z)/2 and erfc(z) = e^(−z²) f(1/(1 + z/2)): f is a minimax polynomial on 0 <= z <= 10.2,
// relative error 4e-8; beyond, e^(−z²) is 0.
HWY_INLINE Floats gelu_erf(Floats x) {
  const FloatTag d;
  const Floats one = all(1.0f);
  const Floats t = hn::Div(one, hn::MulAdd(hn::Abs(x), all(0.35355339059327373f), one));  // z/2 = |x|/√8
  Floats p = all(-0.05538051947951317f);
  p = hn::MulAdd(p, t, all(0.2656185030937195f));
  p = hn::MulAdd(p, t, all(-0.44532692432403564f));
  p = hn::MulAdd(p, t, all(0.22605949640274048f));
  p = hn::MulAdd(p, t, all(0.013264339417219162f));
  p = hn::MulAdd(p, t, all(0.18316219747066498f));
  p = hn::MulAdd(p, t, all(0.2491813451051712f));
  p = hn::MulAdd(p, t, all(0.2812187373638153f));
  p = hn::MulAdd(p, t, all(0.28220823407173157f));
  p = hn::MulAdd(p, t, all(-5.404170224210247e-06f));
  const Floats e = exp_of_nonpositive(hn::Mul(hn::Mul(x, x), all(-0.5f)));
  const Floats tail = hn::Mul(all(0.5f), hn::Mul(e, p));
  return hn::Mul(x, hn::IfThenElse(hn::Lt(x, hn::Zero(d)), tail, hn::Sub(one, tail)));
}

}  // namespace newbie::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // NEWBIE_FUNCTIONS_INL_H
