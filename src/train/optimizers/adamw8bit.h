// AdamW whose moments are kept in 8 bits (dynamic_codes.h): two bytes and a little a weight instead of eight.
#pragma once

#include "train/optimizers/adamw.h"

namespace newbie {

struct CodedMoments {
  std::span<uint8_t> m, v;              // of the weights' length
  std::span<float> m_scales, v_scales;  // code_blocks() of it
};

// As adamw(), a block at a time: moments are widened, moved, used, and rounded to their codes again.
void adamw8bit(std::span<float> w, std::span<const float> g, CodedMoments s, const AdamWOptions& o, double lr,
               int64_t step) noexcept;

// What moments are before the first step: codes of 0.
void clear(CodedMoments s) noexcept;

}  // namespace newbie
