// Dropout (Srivastava et al. 2014) whose mask is a function of a key, a stream and an element's number: what is
// computed again, or on other threads, drops the same elements, and no mask is held.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "core/split_mix.h"
#include "graph/graph.h"

namespace newbie {

extern const OpDef dropout_op;

// x / (1 − p) where an element is kept, else 0; p in [0, 1). `key` [8] holds the bytes of a 64-bit number as values 0
// to 255, which every dtype holds exactly: see dropout_key_values. Another `stream` under the same key is another mask.
Value dropout(Value x, Value key, double p, int64_t stream);

std::array<float, 8> dropout_key_values(uint64_t key);  // the least byte first

// The mask of one call: SplitMix64's finaliser over the element's number.
class DropoutMask {
 public:
  DropoutMask(std::span<const double> key_values, double p, int64_t stream);
  bool keeps(uint64_t element) const {
    return split_mix_finaliser(start_ + element * kSplitMixIncrement) >> 32 >= threshold_;
  }

 private:
  uint64_t start_;
  uint64_t threshold_;  // of 2³²
};

}  // namespace newbie
