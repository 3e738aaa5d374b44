// SplitMix64 (Steele, Lea & Flood 2014): a counter and a mixing function. Every number of its sequence can be had
// without those before it, and neighbouring seeds give unrelated ones.
#pragma once

#include <cstdint>

namespace newbie {

inline constexpr uint64_t kSplitMixIncrement = 0x9e3779b97f4a7c15u;

// The mixing function alone.
constexpr uint64_t split_mix_finaliser(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

// The first number of the sequence that starts at `seed`.
constexpr uint64_t split_mix(uint64_t seed) { return split_mix_finaliser(seed + kSplitMixIncrement); }

}  // namespace newbie
