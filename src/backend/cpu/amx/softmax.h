// The softmax between the two products of attention on AMX, a block of keys at a time.
#pragma once

#include <cstddef>
#include <cstdint>

namespace newbie::cpu::amx {

// Scores of queries, at most 32, against `keys` keys, a multiple of 32.
struct ScoreBlock {
  const float* scores;  // row-major
  int64_t stride;       // floats, a multiple of 16
  int64_t keys;
  float scale;                  // above 0
  const int64_t *first, *last;  // of each row: the keys of this block that it sees, first <= last
};

// What is known of a query after some blocks of keys.
struct Running {
  float* maxima;  // of scale · score · log2 e; -infinity before the first block
  float* sums;    // of 2^(scaled score − maximum), before rounding
};

// For rows [begin, end) of the block: writes 2^(scaled score − maximum), rounded to bf16, to `weights` in the order of
// a Product's `a`, zero where a key is not seen. Updates `running`, and sets factors[row] to what earlier results have
// to be multiplied by (1 where the maximum stayed, 0 where there was none); sums are already. NaN stays NaN.
void softmax_rows(const ScoreBlock& block, int64_t begin, int64_t end, const Running& running, float* factors,
                  std::byte* weights);

// Multiplies `width` floats of each row, a multiple of 16, by its factor.
void scale_rows(float* values, int64_t stride, int64_t rows, int64_t width, const float* factors);

}  // namespace newbie::cpu::amx
