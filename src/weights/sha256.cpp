// FIPS 180-4, section 6.2: by plain arithmetic, and by x86's own instructions where the CPU has them. A library's would
// come with everything else that it can, and into every wheel of the Python package without its security updates.
#include "weights/sha256.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

namespace newbie {

namespace {

// The first 32 bits behind the point of the cube roots of the first 64 primes.
alignas(16) constexpr uint32_t kRounds[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

uint32_t big_endian(const std::byte* at) {
  uint32_t out = 0;
  for (size_t i = 0; i < 4; ++i) out = out << 8 | std::to_integer<uint32_t>(at[i]);
  return out;
}

void plain_blocks(uint32_t* state, const std::byte* bytes, size_t blocks) {
  for (; blocks > 0; --blocks, bytes += 64) {
    uint32_t w[64];
    for (size_t t = 0; t < 16; ++t) w[t] = big_endian(bytes + 4 * t);
    for (size_t t = 16; t < 64; ++t) {
      const uint32_t s0 = std::rotr(w[t - 15], 7) ^ std::rotr(w[t - 15], 18) ^ w[t - 15] >> 3;
      const uint32_t s1 = std::rotr(w[t - 2], 17) ^ std::rotr(w[t - 2], 19) ^ w[t - 2] >> 10;
      w[t] = w[t - 16] + s0 + w[t - 7] + s1;
    }
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    for (size_t t = 0; t < 64; ++t) {
      const uint32_t s1 = std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25);
      const uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + kRounds[t] + w[t];
      const uint32_t s0 = std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22);
      const uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
      h = g;
      g = f;
      f = e;
      e = d + t1;
      d = c;
      c = b;
      b = a;
      a = t1 + t2;
    }
    const uint32_t sum[8] = {a, b, c, d, e, f, g, h};
    for (size_t i = 0; i < 8; ++i) state[i] += sum[i];
  }
}

#if defined(__x86_64__)

bool cpu_has_sha() {
  constexpr unsigned kSha = 1U << 29, kSse41 = 1U << 19;
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || (b & kSha) == 0) return false;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & kSse41) != 0;
}

// The instructions hold the state as (a, b, e, f) and (c, d, g, h), highest first, and do two rounds each.
__attribute__((target("sha,sse4.1"))) void fast_blocks(uint32_t* state, const std::byte* bytes, size_t blocks) {
  const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  const auto load = [](const void* from) __attribute__((target("sha,sse4.1"))) {
    return _mm_loadu_si128(static_cast<const __m128i*>(from));
  };
  const __m128i badc = _mm_shuffle_epi32(load(state), 0xB1), efgh = _mm_shuffle_epi32(load(state + 4), 0x1B);
  __m128i abef = _mm_alignr_epi8(badc, efgh, 8), cdgh = _mm_blend_epi16(efgh, badc, 0xF0);
  for (; blocks > 0; --blocks, bytes += 64) {
    const __m128i abef_before = abef, cdgh_before = cdgh;
    __m128i w[4];
    for (size_t i = 0; i < 4; ++i) w[i] = _mm_shuffle_epi8(load(bytes + 16 * i), swap);
    for (size_t i = 0; i < 16; ++i) {
      __m128i& now = w[i % 4];  // the words of sixteen rounds ago, until they are renewed
      if (i >= 4) {
        const __m128i last = w[(i + 3) % 4];
        const __m128i sum =
            _mm_add_epi32(_mm_sha256msg1_epu32(now, w[(i + 1) % 4]), _mm_alignr_epi8(last, w[(i + 2) % 4], 4));
        now = _mm_sha256msg2_epu32(sum, last);
      }
      const __m128i words = _mm_add_epi32(now, load(kRounds + 4 * i));
      cdgh = _mm_sha256rnds2_epu32(cdgh, abef, words);
      abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(words, 0x0E));
    }
    abef = _mm_add_epi32(abef, abef_before);
    cdgh = _mm_add_epi32(cdgh, cdgh_before);
  }
  const __m128i feba = _mm_shuffle_epi32(abef, 0x1B), dchg = _mm_shuffle_epi32(cdgh, 0xB1);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(state), _mm_blend_epi16(feba, dchg, 0xF0));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}

#else

bool cpu_has_sha() { return false; }
void fast_blocks(uint32_t* state, const std::byte* bytes, size_t blocks) { plain_blocks(state, bytes, blocks); }

#endif

}  // namespace

bool Sha256::has_instructions() {
  static const bool has = cpu_has_sha();
  return has;
}

void Sha256::take_blocks(const std::byte* bytes, size_t blocks) {
  (instructions_ ? fast_blocks : plain_blocks)(state_.data(), bytes, blocks);
}

void Sha256::add(std::span<const std::byte> bytes) {
  const size_t there = total_bytes_ % kBlockBytes;
  total_bytes_ += bytes.size();
  if (there > 0) {
    const size_t count = std::min(kBlockBytes - there, bytes.size());
    std::copy_n(bytes.begin(), count, waiting_.begin() + static_cast<std::ptrdiff_t>(there));
    bytes = bytes.subspan(count);
    if (there + count < kBlockBytes) return;
    take_blocks(waiting_.data(), 1);
  }
  const size_t whole = bytes.size() / kBlockBytes;
  take_blocks(bytes.data(), whole);
  std::ranges::copy(bytes.subspan(whole * kBlockBytes), waiting_.begin());
}

void Sha256::add(uint64_t value) {
  std::array<std::byte, 8> bytes{};
  for (std::byte& byte : bytes) {
    byte = static_cast<std::byte>(value & 0xFFu);
    value >>= 8;
  }
  add(bytes);
}

std::string Sha256::hex() {
  // A bit that is set, zeros to the end of a block, and in its last eight bytes how many bits there were.
  const uint64_t bits = total_bytes_ * 8;
  const size_t there = total_bytes_ % kBlockBytes, filled = there < kBlockBytes - 8 ? kBlockBytes : 2 * kBlockBytes;
  std::array<std::byte, 2 * kBlockBytes> end{};
  end[0] = std::byte{0x80};
  for (size_t i = 0; i < 8; ++i) end[filled - there - 1 - i] = static_cast<std::byte>(bits >> (8 * i) & 0xFFu);
  add(std::span(end).first(filled - there));
  std::string text;
  for (const uint32_t word : state_) text += fmt::format("{:08x}", word);
  return text;
}

std::string sha256_of(std::span<const std::byte> bytes) {
  Sha256 hash;
  hash.add(bytes);
  return hash.hex();
}

}  // namespace newbie
