// Activation functions of f32 numbers: the polynomials of backend/cpu/kernels/functions-inl.h, since a driver's own exp
// and tanh may be far less exact. NaN stays NaN where the result is a multiple of x.

// e^x for x <= 0; below -104, and for NaN, 0.
float exp_of_nonpositive(float x) {
  x = x >= -104.0 ? x : -104.0;
  precise float shifted = fma(x, 1.442695040888963, 12582912.0);
  precise float n = shifted - 12582912.0;
  float r = fma(n, -0.693145751953125, x);
  r = fma(n, -1.428606765330187e-06, r);
  float p = 0.001381446490995586;
  p = fma(p, r, 0.008368780836462975);
  p = fma(p, r, 0.04166839271783829);
  p = fma(p, r, 0.1666651964187622);
  p = fma(p, r, 0.4999999403953552);
  p = fma(p * r, r, r + 1.0);
  // 2^n may be subnormal, 2^(n + 64) is not.
  const float power = uintBitsToFloat((floatBitsToUint(shifted) + 191u) << 23);
  return p * power * 5.421010862427522e-20;
}

float sigmoid(float x) {
  const float e = exp_of_nonpositive(-abs(x));
  return (x < 0.0 ? e : 1.0) / (1.0 + e);
}

float silu(float x) { return x * sigmoid(x); }

float tanh_of(float x) {
  const float size = abs(x), y = x * x;
  float p = -0.005704978480935097;
  p = fma(p, y, 0.020639078691601753);
  p = fma(p, y, -0.05373971164226532);
  p = fma(p, y, 0.13331441581249237);
  p = fma(p, y, -0.3333328068256378);
  if (!(size >= 0.625)) return fma(p * y, x, x);
  const float e = exp_of_nonpositive(-2.0 * size);
  const float far = (1.0 - e) / (1.0 + e);
  return x < 0.0 ? -far : far;
}

// 0.5 (1 + tanh z) = sigmoid(2z)
float gelu_tanh(float x) {
  const float cubic = fma(x * x * 0.044715, x, x);
  return x * sigmoid(cubic * 1.5957691216057308);
}

float gelu_erf(float x) {
  const float t = 1.0 / fma(abs(x), 0.35355339059327373, 1.0);
  float p = -0.05538051947951317;
  p = fma(p, t, 0.2656185030937195);
  p = fma(p, t, -0.44532692432403564);
  p = fma(p, t, 0.22605949640274048);
  p = fma(p, t, 0.013264339417219162);
  p = fma(p, t, 0.18316219747066498);
  p = fma(p, t, 0.2491813451051712);
  p = fma(p, t, 0.2812187373638153);
  p = fma(p, t, 0.28220823407173157);
  p = fma(p, t, -5.404170224210247e-06);
  const float tail = 0.5 * exp_of_nonpositive(-0.5 * x * x) * p;
  return x * (x < 0.0 ? tail : 1.0 - tail);
}
