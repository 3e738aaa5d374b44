// Adafactor (Shazeer & Stern 2018) with a learning rate given from outside: no first moment, and for a matrix the
// second one as a row and a column of means.
#pragma once

#include <cstdint>
#include <span>

namespace newbie {

struct AdafactorOptions {
  double decay_rate = 0.8;      // β₂ at step t is 1 − t^−decay_rate
  double eps = 1e-30;           // added to squares
  double clip_threshold = 1.0;  // of an update's root mean square
  double weight_decay = 0.0;
  bool operator==(const AdafactorOptions&) const = default;
};

// Numbers of state that a parameter of this shape needs: rows + columns of a matrix, else its elements (`rows` 1).
size_t adafactor_state(int64_t rows, int64_t columns);

// w [rows, columns]; `state` as above, 0 at first; `step` from 1.
//   matrix:  R ← β₂R + (1−β₂) row means of g² + eps, C the column means alike; v = R Cᵀ / mean(R)
//   u = g / √v, divided by max(1, rms(u) / clip);  w ← w (1 − lr·decay) − lr·u
// `update` is room for as many numbers as w has.
void adafactor(std::span<float> w, std::span<const float> g, int64_t rows, int64_t columns, std::span<float> state,
               std::span<float> update, const AdafactorOptions& o, double lr, int64_t step) noexcept;

}  // namespace newbie
