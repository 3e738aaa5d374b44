#include "overflow/magnitudes.h"

#include <algorithm>
#include <bit>
#include <vector>

namespace newbie {

void Magnitudes::add(const Magnitudes& more) {
  largest = std::max(largest, more.largest);
  not_finite += more.not_finite;
  subnormal += more.subnormal;
  vanish += more.vanish;
  loss.add(more.loss);
  for (size_t i = 0; i < bins.size(); ++i) bins[i] += more.bins[i];
}

Magnitudes magnitudes_of(std::span<const float> values) {
  constexpr uint32_t kInfinite = 0x7F800000, kNormal = 0x38800000, kVanish = 0x33000000;  // ∞, 2^-14, 2^-25
  uint32_t largest = 0, not_finite = 0, below = 0, vanish = 0, zero = 0;
  for (const float v : values) {
    const uint32_t bits = std::bit_cast<uint32_t>(v) & 0x7FFFFFFF;  // ordered as the magnitudes are
    const uint32_t finite = bits < kInfinite ? bits : 0;
    largest = std::max(largest, finite);
    not_finite += bits >= kInfinite ? 1U : 0U;
    below += bits < kNormal ? 1U : 0U;
    vanish += bits <= kVanish ? 1U : 0U;
    zero += bits == 0 ? 1U : 0U;
  }
  Magnitudes out{std::bit_cast<float>(largest), not_finite, below - vanish, vanish - zero, {}, {}};
  out.loss.add(values);
  for (const float v : values) ++out.bins[MagnitudeSpread::bin_of(v)];
  return out;
}

Magnitudes magnitudes_of(std::span<const float> values, ThreadPool& threads) {
  constexpr size_t kBlock = size_t{1} << 16;
  std::vector<Magnitudes> blocks(ceil_div(values.size(), kBlock));
  threads.run(static_cast<int64_t>(blocks.size()), [&](int64_t block, int) {
    const size_t first = static_cast<size_t>(block) * kBlock;
    blocks[static_cast<size_t>(block)] = magnitudes_of(values.subspan(first, std::min(kBlock, values.size() - first)));
  });
  Magnitudes out;
  for (const Magnitudes& here : blocks) out.add(here);
  return out;
}

}  // namespace newbie
