#include "backend/cpu/amx/tiles.h"

#if defined(__x86_64__) && defined(__linux__)

#include <cpuid.h>
// GCC 12 takes the header's undefined vectors for mistakes.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstring>

#if NEWBIE_ONEDNN
#include <oneapi/dnnl/dnnl.hpp>
#endif

// Only these functions are compiled for the instructions they use; everything else stays what every machine runs.
#define NEWBIE_AMX __attribute__((target("amx-tile,amx-bf16,amx-int8,avx512f,avx512bw,avx512vl,avx512bf16")))

// product += a · b of tile registers, which are named by literals.
#define NEWBIE_DOT(product, a, b)           \
  do {                                      \
    if constexpr (element == Element::BF16) \
      _tile_dpbf16ps(product, a, b);        \
    else                                    \
      _tile_dpbssd(product, a, b);          \
  } while (false)

// A tile of `a` into a register.
#define NEWBIE_LOAD_ROWS(tile, from)      \
  do {                                    \
    if constexpr (rows == Rows::Streamed) \
      _tile_stream_loadd(tile, from, 64); \
    else                                  \
      _tile_loadd(tile, from, 64);        \
  } while (false)

namespace newbie::cpu::amx {

namespace {

constexpr int kPairBytes = 2 * kTileBytes;

bool has_amx() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return false;
  constexpr unsigned kAmxBf16 = 1u << 22, kAmxTile = 1u << 24, kAmxInt8 = 1u << 25;
  return (d & kAmxBf16) != 0 && (d & kAmxTile) != 0 && (d & kAmxInt8) != 0 && __builtin_cpu_supports("avx512bf16") != 0;
}

// Linux gives the state of the tile registers to processes that ask for it.
bool permitted() {
  constexpr long kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

bool limited() {
#if NEWBIE_ONEDNN
  return dnnl::get_effective_cpu_isa() != dnnl::cpu_isa::avx512_core_amx;
#else
  return false;
#endif
}

// What LDTILECFG reads (Intel's manual, volume 2A).
struct alignas(64) TileConfiguration {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
constexpr TileConfiguration kConfiguration;

int64_t round_up_to_step(int64_t depth) { return (depth + kTileDepth - 1) / kTileDepth * kTileDepth; }

// Of 64 bytes, aligned, in every row.
bool has_whole_lines(const Products& products, const Result& result) {
  const auto bytes = size_of(result.dtype);
  return (reinterpret_cast<uintptr_t>(result.out) | static_cast<uintptr_t>(result.stride) * bytes |
          static_cast<uintptr_t>(products.columns) * bytes) %
             64 ==
         0;
}

// Brings a range into a cache, spread over `steps`. `locality` is that of __builtin_prefetch.
template <int locality>
class Fetch {
 public:
  [[gnu::always_inline]] Fetch(const Product::Range& range, int64_t steps)
      : next_(range.begin), lines_((range.end - range.begin + 64 * steps - 1) / (64 * steps)) {}
  [[gnu::always_inline]] void step() {
    for (int64_t line = 0; line < lines_; ++line, next_ += 64) __builtin_prefetch(next_, 0, locality);
  }

 private:
  const std::byte* next_;
  int64_t lines_;
};
using FirstCache = Fetch<3>;
using SecondCache = Fetch<2>;

NEWBIE_AMX void configure() { _tile_loadconfig(&kConfiguration); }
NEWBIE_AMX void release() { _tile_release(); }

}  // namespace

bool usable() {
  static const bool yes = has_amx() && !limited() && permitted();
  return yes;
}

Tiles::Tiles() { configure(); }
Tiles::~Tiles() { release(); }

template <Element element, Rows rows>
NEWBIE_AMX void multiply_pair(const Product& p) {
  const int64_t row_bytes = p.stride * static_cast<int64_t>(sizeof(float));
  float* const next_rows = p.products + kTileRows * p.stride;
  if (p.add) {
    _tile_loadd(0, p.products, row_bytes);
    _tile_loadd(1, p.products + kTileColumns, row_bytes);
    _tile_loadd(2, next_rows, row_bytes);
    _tile_loadd(3, next_rows + kTileColumns, row_bytes);
  } else {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
  SecondCache next0(p.next[0], p.steps), next1(p.next[1], p.steps);
  FirstCache next_sums(p.next_sums, p.steps);
  const std::byte *a = p.a, *b = p.b;
  for (int64_t step = 0; step < p.steps; ++step, a += kPairBytes, b += kPairBytes) {
    next0.step();
    next1.step();
    next_sums.step();
    NEWBIE_LOAD_ROWS(4, a);
    _tile_loadd(6, b, 64);
    NEWBIE_DOT(0, 4, 6);
    _tile_loadd(7, b + kTileBytes, 64);
    NEWBIE_DOT(1, 4, 7);
    NEWBIE_LOAD_ROWS(5, a + kTileBytes);
    NEWBIE_DOT(2, 5, 6);
    NEWBIE_DOT(3, 5, 7);
  }
  _tile_stored(0, p.products, row_bytes);
  _tile_stored(1, p.products + kTileColumns, row_bytes);
  _tile_stored(2, next_rows, row_bytes);
  _tile_stored(3, next_rows + kTileColumns, row_bytes);
}

template <Element element>
NEWBIE_AMX void multiply_single(const Product& p) {
  const int64_t row_bytes = p.stride * static_cast<int64_t>(sizeof(float));
  if (p.add) {
    _tile_loadd(0, p.products, row_bytes);
    _tile_loadd(1, p.products + kTileColumns, row_bytes);
  } else {
    _tile_zero(0);
    _tile_zero(1);
  }
  SecondCache next0(p.next[0], p.steps), next1(p.next[1], p.steps);
  FirstCache next_sums(p.next_sums, p.steps);
  const std::byte *a = p.a, *b = p.b;
  for (int64_t step = 0; step < p.steps; ++step, a += kTileBytes, b += kPairBytes) {
    next0.step();
    next1.step();
    next_sums.step();
    _tile_stream_loadd(4, a, 64);
    _tile_loadd(6, b, 64);
    NEWBIE_DOT(0, 4, 6);
    _tile_loadd(7, b + kTileBytes, 64);
    NEWBIE_DOT(1, 4, 7);
  }
  _tile_stored(0, p.products, row_bytes);
  _tile_stored(1, p.products + kTileColumns, row_bytes);
}

template void multiply_pair<Element::BF16, Rows::Cached>(const Product&);
template void multiply_pair<Element::BF16, Rows::Streamed>(const Product&);
template void multiply_pair<Element::I8, Rows::Streamed>(const Product&);
template void multiply_single<Element::BF16>(const Product&);
template void multiply_single<Element::I8>(const Product&);

NEWBIE_AMX void pack_rows(const std::byte* rows_data, int64_t stride, int64_t rows, int64_t bytes, int tiles,
                          std::byte* out) {
  const int64_t steps = (bytes + kRowBytes - 1) / kRowBytes, whole = bytes / kRowBytes;
  const __mmask64 rest = (uint64_t{1} << (bytes - whole * kRowBytes)) - 1;
  const int64_t step_bytes = tiles * kTileBytes;
  for (int64_t row = 0; row < tiles * kTileRows; ++row) {
    std::byte* to = out + row * kRowBytes;
    if (row >= rows) {
      for (int64_t s = 0; s < steps; ++s) _mm512_store_si512(to + s * step_bytes, _mm512_setzero_si512());
      continue;
    }
    const std::byte* from = rows_data + row * stride;
    for (int64_t s = 0; s < whole; ++s)
      _mm512_store_si512(to + s * step_bytes, _mm512_loadu_si512(from + s * kRowBytes));
    if (rest != 0) _mm512_store_si512(to + whole * step_bytes, _mm512_maskz_loadu_epi8(rest, from + whole * kRowBytes));
  }
}

NEWBIE_AMX void largest_magnitudes(const std::byte* values, int64_t stride, int64_t rows, int64_t width, float* out) {
  // Bits of magnitudes are in order of size.
  const __m512i magnitude = _mm512_set1_epi16(0x7FFF);
  constexpr int64_t kLanes = 32;
  const int64_t whole = width / kLanes * kLanes;
  const auto rest = static_cast<__mmask32>((uint64_t{1} << (width - whole)) - 1);
  for (int64_t row = 0; row < rows; ++row) {
    const std::byte* from = values + row * stride * 2;
    __m512i most = _mm512_maskz_loadu_epi16(rest, from + whole * 2);
    most = _mm512_and_si512(most, magnitude);
    for (int64_t i = 0; i < whole; i += kLanes)
      most = _mm512_max_epu16(most, _mm512_and_si512(_mm512_loadu_si512(from + i * 2), magnitude));
    const __m512i even = _mm512_slli_epi32(most, 16), odd = _mm512_and_si512(most, _mm512_set1_epi32(~0xFFFF));
    out[row] = std::bit_cast<float>(_mm512_reduce_max_epu32(_mm512_max_epu32(even, odd)));
  }
}

NEWBIE_AMX void pack_rounded_rows(const std::byte* values, int64_t stride, int64_t rows, int64_t width,
                                  const float* factors, int tiles, std::byte* out) {
  constexpr int64_t kLanes = 16;  // a quarter of a tile's row
  const int64_t step_bytes = tiles * kTileBytes;
  for (int64_t row = 0; row < tiles * kTileRows; ++row) {
    const std::byte* from = values + row * stride * 2;
    const __m512 factor = _mm512_set1_ps(row < rows ? factors[row] : 0.0f);
    const int64_t count = row < rows ? width : 0;
    for (int64_t i = 0; i < width; i += kRowBytes) {
      std::byte* to = out + i / kRowBytes * step_bytes + row * kRowBytes;
      for (int64_t at = i; at < i + kRowBytes; at += kLanes, to += kLanes) {
        const auto lanes = static_cast<uint32_t>(std::clamp<int64_t>(count - at, 0, kLanes));
        const auto mask = static_cast<__mmask16>((uint32_t{1} << lanes) - 1);
        const __m512i bits = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, from + at * 2));
        const __m512 x = _mm512_castsi512_ps(_mm512_slli_epi32(bits, 16));
        const __m512i q = _mm512_cvtps_epi32(_mm512_mul_ps(x, factor));
        _mm_store_si128(reinterpret_cast<__m128i*>(to), _mm512_cvtsepi32_epi8(q));
      }
    }
  }
}

NEWBIE_AMX void pack_columns(const std::byte* rows, int64_t stride, int64_t count, int64_t bytes, std::byte* out) {
  // Row r of a tile holds the r-th word of sixteen rows: a transposed block, gathered row by row.
  const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const __m512i offsets = _mm512_mullo_epi32(lane, _mm512_set1_epi32(static_cast<int>(stride)));
  const int64_t steps = (bytes + kRowBytes - 1) / kRowBytes;
  for (int64_t column = 0; column < 2 * kTileColumns; column += kTileColumns) {
    const int64_t lanes = std::clamp<int64_t>(count - column, 0, kTileColumns);
    const auto mask = static_cast<__mmask16>((uint32_t{1} << lanes) - 1);
    const std::byte* from = rows + column * stride;
    for (int64_t at = 0; at < steps * kRowBytes; at += 4) {
      std::byte* to = out + at / kRowBytes * kPairBytes + column / kTileColumns * kTileBytes + at % kRowBytes * 16;
      __m512i words = _mm512_setzero_si512();
      if (at + 4 <= bytes) {
        words = _mm512_mask_i32gather_epi32(words, mask, offsets, from + at, 1);
      } else if (at < bytes) {  // part of a word: nothing is read beyond the row
        alignas(64) uint32_t parts[16] = {};
        for (int64_t l = 0; l < lanes; ++l)
          std::memcpy(&parts[l], from + l * stride + at, static_cast<size_t>(bytes - at));
        words = _mm512_load_si512(parts);
      }
      _mm512_store_si512(to, words);
    }
  }
}

NEWBIE_AMX void pack_panel(const std::byte* data, int64_t stride, int64_t depth, int64_t count, std::byte* out) {
  for (int64_t i = 0; i < round_up_to_step(depth); i += 2) {
    const std::byte *even = data + i * stride * 2, *odd = even + stride * 2;
    for (int64_t column = 0; column < 2 * kTileColumns; column += kTileColumns) {
      const int64_t lanes = std::clamp<int64_t>(count - column, 0, kTileColumns);
      const auto mask = static_cast<__mmask16>((uint32_t{1} << lanes) - 1);
      const auto low = i < depth ? mask : __mmask16{0}, high = i + 1 < depth ? mask : __mmask16{0};
      const __m512i a = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(low, even + column * 2));
      const __m512i b = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(high, odd + column * 2));
      _mm512_store_si512(out + i / kTileDepth * kPairBytes + column / kTileColumns * kTileBytes + i % kTileDepth * 32,
                         _mm512_or_si512(a, _mm512_slli_epi32(b, 16)));
    }
  }
}

NEWBIE_AMX void store_products(const Products& products, const Result& result) {
  const bool lines = result.past_caches && has_whole_lines(products, result);
  for (int64_t column = 0; column < products.columns; column += 2 * kTileColumns) {
    const auto width = static_cast<uint32_t>(std::min(products.columns - column, 2 * kTileColumns));
    const auto mask = static_cast<__mmask32>((uint64_t{1} << width) - 1);
    const auto low = static_cast<__mmask16>(mask), high = static_cast<__mmask16>(mask >> 16);
    const __m512 zero = _mm512_setzero_ps();
    __m512 bias[2] = {zero, zero}, factors[2] = {zero, zero};
    if (result.bias != nullptr) {
      bias[0] = _mm512_maskz_loadu_ps(low, result.bias + column);
      bias[1] = _mm512_maskz_loadu_ps(high, result.bias + column + kTileColumns);
    }
    const bool whole_numbers = result.column_factors != nullptr;
    if (whole_numbers) {
      factors[0] = _mm512_maskz_loadu_ps(low, result.column_factors + column);
      factors[1] = _mm512_maskz_loadu_ps(high, result.column_factors + column + kTileColumns);
    }
    for (int64_t row = 0; row < products.rows; ++row) {
      const float* from = products.values + row * products.stride + column;
      __m512 values[2] = {_mm512_load_ps(from), _mm512_maskz_load_ps(high, from + kTileColumns)};
      const __m512 factor = _mm512_set1_ps(result.row_factors == nullptr ? 1.0f : result.row_factors[row]);
      for (int half = 0; half < 2; ++half) {
        __m512& v = values[half];
        if (whole_numbers)
          v = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_castps_si512(v)), _mm512_mul_ps(factor, factors[half]));
        else if (result.row_factors != nullptr)
          v = _mm512_mul_ps(v, factor);
        v = _mm512_add_ps(v, bias[half]);
      }
      const int64_t at = row * result.stride + column;
      if (result.dtype == DType::F32) {
        auto* to = reinterpret_cast<float*>(result.out) + at;
        if (lines) {
          _mm512_stream_ps(to, values[0]);
          if (high != 0) _mm512_stream_ps(to + kTileColumns, values[1]);
        } else {
          _mm512_mask_storeu_ps(to, low, values[0]);
          _mm512_mask_storeu_ps(to + kTileColumns, high, values[1]);
        }
      } else {
        const auto line = reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(values[1], values[0]));
        if (lines)
          _mm512_stream_si512(reinterpret_cast<__m512i*>(result.out + at * 2), line);
        else
          _mm512_mask_storeu_epi16(result.out + at * 2, mask, line);
      }
    }
  }
}

void fence_stores() { _mm_sfence(); }

}  // namespace newbie::cpu::amx

#else

#include "core/error.h"

namespace newbie::cpu::amx {

namespace {
[[noreturn]] void absent() { fail(ErrorKind::Internal, "AMX is used on a machine that has none"); }
}  // namespace

bool usable() { return false; }
Tiles::Tiles() { absent(); }
Tiles::~Tiles() = default;
template <Element, Rows>
void multiply_pair(const Product&) {
  absent();
}
template <Element>
void multiply_single(const Product&) {
  absent();
}
template void multiply_pair<Element::BF16, Rows::Cached>(const Product&);
template void multiply_pair<Element::BF16, Rows::Streamed>(const Product&);
template void multiply_pair<Element::I8, Rows::Streamed>(const Product&);
template void multiply_single<Element::BF16>(const Product&);
template void multiply_single<Element::I8>(const Product&);
void pack_rows(const std::byte*, int64_t, int64_t, int64_t, int, std::byte*) { absent(); }
void largest_magnitudes(const std::byte*, int64_t, int64_t, int64_t, float*) { absent(); }
void pack_rounded_rows(const std::byte*, int64_t, int64_t, int64_t, const float*, int, std::byte*) { absent(); }
void pack_columns(const std::byte*, int64_t, int64_t, int64_t, std::byte*) { absent(); }
void pack_panel(const std::byte*, int64_t, int64_t, int64_t, std::byte*) { absent(); }
void store_products(const Products&, const Result&) { absent(); }
void fence_stores() { absent(); }

}  // namespace newbie::cpu::amx

#endif
