#include "train/optimizers/adafactor.h"

#include <algorithm>
#include <cmath>

namespace newbie {

namespace {

bool is_factored(int64_t rows, int64_t columns) { return rows > 1 && columns > 1; }

// Means over one axis of g² + eps, into the state. `strides`: between the axis' numbers, and between the others.
void fold_means(std::span<const float> g, size_t count, size_t stride, size_t others, size_t other_stride, double beta2,
                double eps, std::span<float> state) noexcept {
  for (size_t i = 0; i < count; ++i) {
    double sum = 0;
    for (size_t j = 0; j < others; ++j) {
      const double slope = static_cast<double>(g[i * stride + j * other_stride]);
      sum += slope * slope + eps;
    }
    state[i] =
        static_cast<float>(beta2 * static_cast<double>(state[i]) + (1.0 - beta2) * sum / static_cast<double>(others));
  }
}

}  // namespace

size_t adafactor_state(int64_t rows, int64_t columns) {
  return static_cast<size_t>(is_factored(rows, columns) ? rows + columns : rows * columns);
}

void adafactor(std::span<float> w, std::span<const float> g, int64_t rows, int64_t columns, std::span<float> state,
               std::span<float> update, const AdafactorOptions& o, double lr, int64_t step) noexcept {
  const double beta2 = 1.0 - std::pow(static_cast<double>(step), -o.decay_rate);
  const auto r = static_cast<size_t>(rows), c = static_cast<size_t>(columns);
  if (is_factored(rows, columns)) {
    const std::span<float> by_row = state.first(r), by_column = state.subspan(r);
    fold_means(g, r, c, c, 1, beta2, o.eps, by_row);
    fold_means(g, c, 1, r, c, beta2, o.eps, by_column);
    double mean = 0;
    for (float x : by_row) mean += static_cast<double>(x) / static_cast<double>(r);
    for (size_t i = 0; i < w.size(); ++i) {
      const double v = static_cast<double>(by_row[i / c]) * static_cast<double>(by_column[i % c]) / mean;
      update[i] = static_cast<float>(static_cast<double>(g[i]) / std::sqrt(v));
    }
  } else {
    fold_means(g, w.size(), 1, 1, 1, beta2, o.eps, state);
    for (size_t i = 0; i < w.size(); ++i)
      update[i] = static_cast<float>(static_cast<double>(g[i]) / std::sqrt(static_cast<double>(state[i])));
  }
  double squares = 0;
  for (size_t i = 0; i < w.size(); ++i) squares += static_cast<double>(update[i]) * static_cast<double>(update[i]);
  const double rms = std::sqrt(squares / static_cast<double>(std::max<size_t>(1, w.size())));
  const double by = lr / std::max(1.0, rms / o.clip_threshold);
  for (size_t i = 0; i < w.size(); ++i)
    w[i] = static_cast<float>(static_cast<double>(w[i]) * (1.0 - lr * o.weight_decay) -
                              by * static_cast<double>(update[i]));
}

}  // namespace newbie
