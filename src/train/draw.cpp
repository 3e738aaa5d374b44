#include "train/draw.h"

#include <cmath>
#include <numbers>

#include "core/split_mix.h"

namespace newbie {

Draw::Draw(uint64_t seed, DrawFor use, uint64_t number)
    : state_(
          split_mix_finaliser(split_mix_finaliser(split_mix(seed) + static_cast<uint64_t>(use) * kSplitMixIncrement) +
                              number * kSplitMixIncrement)) {}

uint64_t Draw::bits() { return split_mix_finaliser(state_ += kSplitMixIncrement); }

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
