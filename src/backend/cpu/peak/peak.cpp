// The loops behind measure_peak: independent chains of one instruction, enough of them to hide its latency.
#include "backend/peak.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <string_view>

#include "backend/cpu/amx/tiles.h"
#include "core/allocator.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif
#if NEWBIE_ONEDNN
#include <oneapi/dnnl/dnnl.hpp>
#endif

namespace newbie {

namespace {

using Clock = std::chrono::steady_clock;

struct Unit {
  const char* dtype;
  const char* instruction;
  std::string_view operands;
  double operations_per_round;
  void (*run)(int64_t rounds);
};

// What is multiplied, four tiles of it: 16 random bits, but for an exponent that makes them numbers near 1 as bf16 and,
// in pairs, as f32. With zeros there is less to switch, and some processors run a fifth faster than with real work.
struct Operands {
  alignas(64) std::array<uint16_t, 4 * 512> bits;
};
const Operands kOperands = [] {
  Operands out{};
  uint32_t state = 1;
  for (uint16_t& bits : out.bits) {
    state = state * 1664525 + 1013904223;
    bits = static_cast<uint16_t>(0x3F00 | (state >> 16 & 0x807F));
  }
  return out;
}();
const auto* operand(size_t tile) { return reinterpret_cast<const float*>(kOperands.bits.data() + 512 * tile); }

constexpr std::string_view kRegisters = "registers";

// Chains written out, so that each stays in a register.
#define NEWBIE_CHAINS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
constexpr double kChains = 12;

#if defined(__x86_64__)

// Keeps a chain's result alive without storing it.
#define NEWBIE_KEEP(i) asm volatile("" : : "v"(c##i));

#define NEWBIE_PEAK_LOOP(name, isa, vector, load, step)      \
  __attribute__((target(isa))) void name(int64_t rounds) {   \
    const vector a = load(operand(0)), b = load(operand(1)); \
    NEWBIE_CHAINS(NEWBIE_DECLARE_##vector)                   \
    for (int64_t round = 0; round < rounds; ++round) {       \
      NEWBIE_CHAINS(step)                                    \
    }                                                        \
    NEWBIE_CHAINS(NEWBIE_KEEP)                               \
  }
#define NEWBIE_DECLARE___m256(i) __m256 c##i = _mm256_setzero_ps();
#define NEWBIE_DECLARE___m512(i) __m512 c##i = _mm512_setzero_ps();
#define NEWBIE_DECLARE___m512i(i) __m512i c##i = _mm512_setzero_si512();

#define NEWBIE_FMA_256(i) asm volatile("vfmadd231ps %1, %2, %0" : "+v"(c##i) : "v"(a), "v"(b));
#define NEWBIE_FMA_512(i) asm volatile("vfmadd231ps %1, %2, %0" : "+v"(c##i) : "v"(a), "v"(b));
#define NEWBIE_DOT_BF16(i) asm volatile("vdpbf16ps %1, %2, %0" : "+v"(c##i) : "v"(a), "v"(b));
#define NEWBIE_DOT_INT8(i) asm volatile("vpdpbusd %1, %2, %0" : "+v"(c##i) : "v"(a), "v"(b));

NEWBIE_PEAK_LOOP(fma_256, "avx2,fma", __m256, _mm256_load_ps, NEWBIE_FMA_256)
NEWBIE_PEAK_LOOP(fma_512, "avx512f", __m512, _mm512_load_ps, NEWBIE_FMA_512)
NEWBIE_PEAK_LOOP(dot_bf16, "avx512f,avx512bf16", __m512, _mm512_load_ps, NEWBIE_DOT_BF16)
NEWBIE_PEAK_LOOP(dot_int8, "avx512f,avx512vnni", __m512i, _mm512_load_si512, NEWBIE_DOT_INT8)

#if defined(__linux__)
// Four products of tiles a round. `loaded`: each round loads their operands, which lie in the first cache.
template <cpu::amx::Element element, bool loaded>
__attribute__((target("amx-tile,amx-bf16,amx-int8"))) void multiply_tiles(int64_t rounds) {
  const cpu::amx::Tiles tiles;
  _tile_loadd(4, operand(0), 64);
  _tile_loadd(5, operand(1), 64);
  _tile_loadd(6, operand(2), 64);
  _tile_loadd(7, operand(3), 64);
  for (int64_t round = 0; round < rounds; ++round) {
    if constexpr (loaded) {
      _tile_loadd(4, operand(0), 64);
      _tile_loadd(5, operand(1), 64);
      _tile_loadd(6, operand(2), 64);
      _tile_loadd(7, operand(3), 64);
    }
    if constexpr (element == cpu::amx::Element::BF16) {
      _tile_dpbf16ps(0, 4, 6);
      _tile_dpbf16ps(1, 4, 7);
      _tile_dpbf16ps(2, 5, 6);
      _tile_dpbf16ps(3, 5, 7);
    } else {
      _tile_dpbssd(0, 4, 6);
      _tile_dpbssd(1, 4, 7);
      _tile_dpbssd(2, 5, 6);
      _tile_dpbssd(3, 5, 7);
    }
  }
}

// Products as `linear` makes them, and nothing around them: a panel of 32 columns in the first cache, rows in the
// second, and sums that come and go between two slices of the depth. Rounds are steps of 32 x 32 products.
template <cpu::amx::Element element>
void multiply_slices(int64_t rounds) {
  using namespace cpu::amx;
  constexpr int64_t kPairs = 40, kSums = 10;  // 1 MB: every processor with AMX has more
  constexpr int64_t kSlice = kSliceSteps * 2 * kTileBytes, kSum = 4 * kTileBytes;
  Allocator allocator;
  const Buffer buffer = allocator.allocate((1 + kPairs) * kSlice + kSums * kSum, "measuring the peak");
  std::byte *panel = buffer.data(), *rows = panel + kSlice, *products = rows + kPairs * kSlice;
  static_assert(kSlice % sizeof(Operands) == 0);
  for (std::byte* at = panel; at < products; at += sizeof(Operands)) std::memcpy(at, &kOperands, sizeof(Operands));
  std::fill_n(products, kSums * kSum, std::byte{0});
  const Tiles tiles;
  for (int64_t i = 0; i < rounds / kSliceSteps; ++i) {
    const std::byte* next_sums = products + (i + 1) % kSums * kSum;
    multiply_pair<element, Rows::Streamed>({.a = rows + i % kPairs * kSlice,
                                            .b = panel,
                                            .steps = kSliceSteps,
                                            .products = reinterpret_cast<float*>(products + i % kSums * kSum),
                                            .stride = 2 * kTileColumns,
                                            .add = true,
                                            .next = {},
                                            .next_sums = {next_sums, next_sums + kSum}});
  }
}
#endif

bool allowed([[maybe_unused]] const char* isa_name) {
#if NEWBIE_ONEDNN
  using dnnl::cpu_isa;
  const auto effective = static_cast<unsigned>(dnnl::get_effective_cpu_isa());
  const auto has = [&](cpu_isa isa) {  // each ISA's bits contain those of what it is built on
    return (effective & static_cast<unsigned>(isa)) == static_cast<unsigned>(isa);
  };
  const std::string_view isa = isa_name;
  if (isa == "avx512") return has(cpu_isa::avx512_core);
  if (isa == "vnni") return has(cpu_isa::avx512_core_vnni);
  if (isa == "bf16") return has(cpu_isa::avx512_core_bf16);
#endif
  return true;
}

std::vector<Unit> units() {
  std::vector<Unit> out;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    out.push_back({"f32", "AVX2 FMA", kRegisters, kChains * 16, fma_256});
  if (__builtin_cpu_supports("avx512f") && allowed("avx512"))
    out.push_back({"f32", "AVX-512 FMA", kRegisters, kChains * 32, fma_512});
  if (__builtin_cpu_supports("avx512bf16") && allowed("bf16"))
    out.push_back({"bf16", "AVX-512 VDPBF16PS", kRegisters, kChains * 64, dot_bf16});
  if (__builtin_cpu_supports("avx512vnni") && allowed("vnni"))
    out.push_back({"int8", "AVX-512 VPDPBUSD", kRegisters, kChains * 128, dot_int8});
#if defined(__linux__)
  if (cpu::amx::usable()) {
    using cpu::amx::Element;
    constexpr double kBF16 = 2.0 * 32 * 32 * 32, kI8 = 2 * kBF16;  // of four tiles
    out.push_back({"bf16", "AMX TDPBF16PS", kRegisters, kBF16, multiply_tiles<Element::BF16, false>});
    out.push_back({"bf16", "AMX TDPBF16PS", "first cache", kBF16, multiply_tiles<Element::BF16, true>});
    out.push_back({"bf16", "AMX TDPBF16PS", "second cache", kBF16, multiply_slices<Element::BF16>});
    out.push_back({"int8", "AMX TDPBSSD", kRegisters, kI8, multiply_tiles<Element::I8, false>});
    out.push_back({"int8", "AMX TDPBSSD", "first cache", kI8, multiply_tiles<Element::I8, true>});
    out.push_back({"int8", "AMX TDPBSSD", "second cache", kI8, multiply_slices<Element::I8>});
  }
#endif
  return out;
}

#elif defined(__aarch64__)

void fma_neon(int64_t rounds) {
  const float32x4_t a = vld1q_f32(operand(0)), b = vld1q_f32(operand(1));
#define NEWBIE_DECLARE_NEON(i) float32x4_t c##i = vdupq_n_f32(0);
#define NEWBIE_FMA_NEON(i) asm volatile("fmla %0.4s, %1.4s, %2.4s" : "+w"(c##i) : "w"(a), "w"(b));
  NEWBIE_CHAINS(NEWBIE_DECLARE_NEON)
  for (int64_t round = 0; round < rounds; ++round) {
    NEWBIE_CHAINS(NEWBIE_FMA_NEON)
  }
#define NEWBIE_KEEP_NEON(i) asm volatile("" : : "w"(c##i));
  NEWBIE_CHAINS(NEWBIE_KEEP_NEON)
}

std::vector<Unit> units() { return {{"f32", "NEON FMLA", kRegisters, kChains * 8, fma_neon}}; }

#else

std::vector<Unit> units() { return {}; }

#endif

// Operations a second of all threads at once.
double rate(const Unit& unit, ThreadPool& threads, int64_t rounds) {
  const auto start = Clock::now();
  threads.run(threads.size(), [&](int64_t, int) { unit.run(rounds); });
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return unit.operations_per_round * static_cast<double>(rounds) * threads.size() / seconds;
}

}  // namespace

std::vector<PeakRate> measure_peak(ThreadPool& threads, PeakOperands operands, int repeats) {
  constexpr double kSeconds = 0.05;
  std::vector<PeakRate> out;
  for (const Unit& unit : units()) {
    if (operands == PeakOperands::Registers && unit.operands != kRegisters) continue;
    constexpr int64_t kTrial = 100000;
    const double trial = rate(unit, threads, kTrial);
    const auto rounds =
        std::max<int64_t>(kTrial, static_cast<int64_t>(kSeconds * trial / unit.operations_per_round / threads.size()));
    double best = trial;
    for (int i = 0; i < repeats; ++i) best = std::max(best, rate(unit, threads, rounds));
    out.push_back({unit.dtype, unit.instruction, std::string(unit.operands), best});
    if (out.back().dtype != "f32") continue;
    out.push_back(out.back());  // what multiplies f32 multiplies bf16, too, widened beforehand
    out.back().dtype = "bf16";
  }
  return out;
}

}  // namespace newbie
