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
#include <limits>

#define NEWBIE_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")))

namespace newbie::cpu::amx {

namespace {

constexpr float kLog2E = 1.44269504088896340736f;

// 2^x for x <= 0: x = n + f with |f| <= 1/2, 2^f by its Taylor series to the sixth term (relative error below 2e-7).
// Below 2^-150 the result is zero. NaN stays NaN.
NEWBIE_AVX512 inline __m512 power_of_two(__m512 x) {
  x = _mm512_max_ps(_mm512_set1_ps(-150.0f), x);
  const __m512 n = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const __m512 f = _mm512_sub_ps(x, n);
  __m512 y = _mm512_set1_ps(1.5403530393381609954e-4f);  // (ln 2)^k / k!
  y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(1.3333558146428443423e-3f));
  y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(9.6181291076284771619e-3f));
  y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(5.5504108664821579953e-2f));
  y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(2.4022650695910071233e-1f));
  y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(6.9314718055994530942e-1f));
  y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(1.0f));
  return _mm512_scalef_ps(y, n);
}

// The lanes of keys [at, at + 16) that lie in [first, last).
__mmask16 seen(int64_t at, int64_t first, int64_t last) {
  const int64_t from = std::clamp<int64_t>(first - at, 0, 16), to = std::clamp<int64_t>(last - at, 0, 16);
  return static_cast<__mmask16>(((uint32_t{1} << to) - 1) & ~((uint32_t{1} << from) - 1));
}

}  // namespace

NEWBIE_AVX512 void softmax_block(const ScoreBlock& block, const Running& running, float* factors, std::byte* weights) {
  constexpr float kNone = -std::numeric_limits<float>::infinity();
  const __m512 scale = _mm512_set1_ps(block.scale * kLog2E), none = _mm512_set1_ps(kNone);
  const auto place = [&](int64_t row, int64_t key) {
    return weights + key / kTileDepth * 2 * kTileBytes + row / kTileRows * kTileBytes + row % kTileRows * 64;
  };
  for (int64_t row = block.rows; row < 2 * kTileRows; ++row)
    for (int64_t key = 0; key < block.keys; key += kTileDepth)
      _mm512_store_si512(place(row, key), _mm512_setzero_si512());

  for (int64_t row = 0; row < block.rows; ++row) {
    const float* scores = block.scores + row * block.stride;
    const int64_t first = block.first[row], last = block.last[row];
    const bool whole = first == 0 && last == block.keys;

    __m512 most[2] = {none, none};
    for (int64_t key = 0; key < block.keys; key += kTileDepth)
      for (int64_t half = 0; half < 2; ++half) {
        const __mmask16 mask = whole ? __mmask16{0xFFFF} : seen(key + 16 * half, first, last);
        const __m512 s = _mm512_mul_ps(_mm512_load_ps(scores + key + 16 * half), scale);
        most[half] = _mm512_mask_max_ps(most[half], mask, most[half], s);
      }
    const float before = running.maxima[row];
    const float maximum = std::max(before, _mm512_reduce_max_ps(_mm512_max_ps(most[0], most[1])));
    // Nothing seen yet: any finite number keeps what follows at zero.
    const __m512 subtract = _mm512_set1_ps(maximum == kNone ? 0.0f : maximum);

    __m512 sums[2] = {_mm512_setzero_ps(), _mm512_setzero_ps()};
    for (int64_t key = 0; key < block.keys; key += kTileDepth) {
      __m512 p[2];
      for (int64_t half = 0; half < 2; ++half) {
        const __mmask16 mask = whole ? __mmask16{0xFFFF} : seen(key + 16 * half, first, last);
        const __m512 s = _mm512_load_ps(scores + key + 16 * half);
        p[half] = _mm512_maskz_mov_ps(mask, power_of_two(_mm512_fmsub_ps(s, scale, subtract)));
        sums[half] = _mm512_add_ps(sums[half], p[half]);
      }
      _mm512_store_si512(place(row, key), reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(p[1], p[0])));
    }
    const float sum = _mm512_reduce_add_ps(_mm512_add_ps(sums[0], sums[1]));
    const float change = before == kNone ? kNone : before - maximum;
    factors[row] = before == maximum ? 1.0f : _mm512_cvtss_f32(power_of_two(_mm512_set1_ps(change)));
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

void softmax_block(const ScoreBlock&, const Running&, float*, std::byte*) {
  fail(ErrorKind::Internal, "AMX is used on a machine that has none");
}
void scale_rows(float*, int64_t, int64_t, int64_t, const float*) {
  fail(ErrorKind::Internal, "AMX is used on a machine that has none");
}

}  // namespace newbie::cpu::amx

#endif
