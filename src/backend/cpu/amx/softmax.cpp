#include "backend/cpu/amx/softmax.h"

#include "backend/cpu/amx/tiles.h"

#if defined(__x86_64__) && defined(__linux__)

// GCC 12 takes the header's undefined vectors for mistakes.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop

#include <algorithm>
#include <cmath>
#include <limits>

#define NEWBIE_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")))

namespace newbie::cpu::amx {

namespace {

constexpr float kLog2E = 1.44269504088896340736f;
constexpr float kNone = -std::numeric_limits<float>::infinity();

// 2^x for x <= 0 (or a rounding error above): x = floor(x) + f, 2^f by the polynomial of degree 4 with the least
// relative error, 2.7e-6: what becomes of it has an error of 2e-3, being bf16. Below 2^-126 the result is 2^-126, as
// subnormal results would take the processor some hundred cycles. NaN stays NaN.
NEWBIE_AVX512 inline __m512 power_of_two(__m512 x) {
  constexpr int kMinusFloor = 0x09;  // of VREDUCEPS: x less x rounded down to a whole number, no exceptions
  x = _mm512_max_ps(_mm512_set1_ps(-126.0f), x);
  const __m512 f = _mm512_reduce_ps(x, kMinusFloor);
  __m512 y = _mm512_set1_ps(0.013534167781472206f);
  y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(0.052011460065841675f));
  y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(0.2414427548646927f));
  y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(0.6930038332939148f));
  y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(1.0000026226043701f));
  return _mm512_scalef_ps(y, x);  // y · 2^floor(x)
}

// The lanes of keys [at, at + 16) that lie in [first, last).
__mmask16 seen(int64_t at, int64_t first, int64_t last) {
  const int64_t from = std::clamp<int64_t>(first - at, 0, 16), to = std::clamp<int64_t>(last - at, 0, 16);
  return static_cast<__mmask16>(((uint32_t{1} << to) - 1) & ~((uint32_t{1} << from) - 1));
}

// The greatest score that a row sees; -infinity if there is none.
NEWBIE_AVX512 inline float greatest(const ScoreBlock& block, int64_t row) {
  const float* scores = block.scores + row * block.stride;
  const int64_t first = block.first[row], last = block.last[row];
  __m512 most[2] = {_mm512_set1_ps(kNone), _mm512_set1_ps(kNone)};
  if (first == 0 && last == block.keys) {
    for (int64_t key = 0; key < block.keys; key += kTileDepth) {
      most[0] = _mm512_max_ps(most[0], _mm512_load_ps(scores + key));
      most[1] = _mm512_max_ps(most[1], _mm512_load_ps(scores + key + 16));
    }
  } else {
    for (int64_t key = 0; key < block.keys; key += 16)
      most[0] = _mm512_mask_max_ps(most[0], seen(key, first, last), most[0], _mm512_load_ps(scores + key));
  }
  return _mm512_reduce_max_ps(_mm512_max_ps(most[0], most[1]));
}

}  // namespace

NEWBIE_AVX512 void softmax_rows(const ScoreBlock& block, int64_t begin, int64_t end, const Running& running,
                                float* factors, std::byte* weights) {
  const float factor = block.scale * kLog2E;
  const __m512 scale = _mm512_set1_ps(factor);
  // All rows' maxima first: one row's reduction takes as long as half of its powers, and nothing else could go on.
  float maxima[2 * kTileRows];
  for (int64_t row = begin; row < end; ++row)
    maxima[row] = std::max(running.maxima[row], greatest(block, row) * factor);

  for (int64_t row = begin; row < end; ++row) {
    const float* scores = block.scores + row * block.stride;
    std::byte* to = weights + row / kTileRows * kTileBytes + row % kTileRows * kRowBytes;
    const int64_t first = block.first[row], last = block.last[row];
    const bool whole = first == 0 && last == block.keys;
    const float before = running.maxima[row], maximum = maxima[row];
    // Nothing seen yet: any finite number keeps what follows at zero.
    const __m512 subtract = _mm512_set1_ps(maximum == kNone ? 0.0f : maximum);

    __m512 sums[2] = {_mm512_setzero_ps(), _mm512_setzero_ps()};
    for (int64_t key = 0; key < block.keys; key += kTileDepth, to += 2 * kTileBytes) {
      __m512 p[2];
      for (int64_t half = 0; half < 2; ++half) {
        const __m512 s = _mm512_load_ps(scores + key + 16 * half);
        p[half] = power_of_two(_mm512_fmsub_ps(s, scale, subtract));
        if (!whole) p[half] = _mm512_maskz_mov_ps(seen(key + 16 * half, first, last), p[half]);
        sums[half] = _mm512_add_ps(sums[half], p[half]);
      }
      _mm512_store_si512(to, reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(p[1], p[0])));
    }
    const float sum = _mm512_reduce_add_ps(_mm512_add_ps(sums[0], sums[1]));
    factors[row] = before == maximum ? 1.0f : before == kNone ? 0.0f : std::exp2(before - maximum);
    running.maxima[row] = maximum;
    running.sums[row] = running.sums[row] * factors[row] + sum;
  }
}

NEWBIE_AVX512 void scale_rows(float* values, int64_t stride, int64_t rows, int64_t width, const float* factors) {
  for (int64_t row = 0; row < rows; ++row) {
    if (factors[row] == 1.0f) continue;
    const __m512 factor = _mm512_set1_ps(factors[row]);
    for (int64_t i = 0; i < width; i += 16) {
      float* at = values + row * stride + i;
      _mm512_store_ps(at, _mm512_mul_ps(_mm512_load_ps(at), factor));
    }
  }
}

}  // namespace newbie::cpu::amx

#else

#include "core/error.h"

namespace newbie::cpu::amx {

void softmax_rows(const ScoreBlock&, int64_t, int64_t, const Running&, float*, std::byte*) {
  fail(ErrorKind::Internal, "AMX is used on a machine that has none");
}
void scale_rows(float*, int64_t, int64_t, int64_t, const float*) {
  fail(ErrorKind::Internal, "AMX is used on a machine that has none");
}

}  // namespace newbie::cpu::amx

#endif
