// Numbers that exist inside ops alone: sums of norms, logits of attention, sums of absolute products. Plain functions
// of f32 tensors, in double.
#pragma once

#include <cstdint>
#include <span>

#include "core/parallel.h"

namespace newbie {

struct NormSums {
  double square = 0, square_sum = 0, sum = 0;  // the largest of each; InsideKind says of what
};

// RMS norms of consecutive groups of n numbers: sum stays 0.
NormSums rms_norm_sums(std::span<const float> x, size_t n, ThreadPool& threads);

// Layer norms of rows of n numbers.
NormSums layer_norm_sums(std::span<const float> x, size_t n, ThreadPool& threads);

// x [pixels, channels], normed over all pixels of channels / groups channels.
NormSums group_norm_sums(std::span<const float> x, size_t channels, size_t groups, ThreadPool& threads);

// Which products of rows are looked at.
struct RowProducts {
  int64_t heads = 1, kv_heads = 1, head_size = 0;
  bool causal = false;
  int64_t window = 0;  // as AttentionMask
};
struct ProductSums {
  double product = 0;   // the largest |q·k|
  double absolute = 0;  // the largest Σ|q||k|, when it was asked for: it takes as long again
};

// q [S, heads · D], k [T, kv_heads · D].
ProductSums largest_products(std::span<const float> q, std::span<const float> k, const RowProducts& rows, bool absolute,
                             ThreadPool& threads);

// scores [H, S, T]: the largest |score| of a visible key.
double largest_score(std::span<const float> scores, int64_t queries, int64_t keys, const RowProducts& rows);

}  // namespace newbie
