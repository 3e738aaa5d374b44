// What a pass over numbers counts of their magnitudes.
#pragma once

#include <cstdint>
#include <span>

#include "core/parallel.h"
#include "overflow/ranges.h"

namespace newbie {

struct Magnitudes {
  float largest = 0;                                   // of the finite
  uint64_t not_finite = 0, subnormal = 0, vanish = 0;  // as ValueRange's
  Loss loss;
  MagnitudeSpread::Counts bins{};

  void add(const Magnitudes& more);
};

Magnitudes magnitudes_of(std::span<const float> values);

// Blocks are added up in order: the same sums for any number of threads.
Magnitudes magnitudes_of(std::span<const float> values, ThreadPool& threads);

}  // namespace newbie
