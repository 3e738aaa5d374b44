#include "train/draw.h"

#include <cmath>
#include <numbers>

namespace newbie {

namespace {

// SplitMix64 (Steele, Lea & Flood 2014): a counter and a mixing function.
constexpr uint64_t kIncrement = 0x9e3779b97f4a7c15u;

uint64_t mixed(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

}  // namespace

Draw::Draw(uint64_t seed, DrawFor use, uint64_t number)
    : state_(mixed(mixed(mixed(seed + kIncrement) + static_cast<uint64_t>(use) * kIncrement) + number * kIncrement)) {}

uint64_t Draw::bits() { return mixed(state_ += kIncrement); }

double Draw::uniform() { return static_cast<double>(bits() >> 11) * 0x1p-53; }

double Draw::normal() {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * uniform());
}

uint64_t Draw::below(uint64_t count) {
  const uint64_t unfair = -count % count;  // 2^64 mod count values too many
  uint64_t drawn = bits();
  while (drawn < unfair) drawn = bits();
  return drawn % count;
}

void Draw::normal(std::span<float> out) {
  for (float& x : out) x = static_cast<float>(normal());
}

}  // namespace newbie
