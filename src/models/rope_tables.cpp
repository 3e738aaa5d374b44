#include "models/rope_tables.h"

#include <cmath>

namespace newbie {

RopeTables rope_tables(Graph& graph, int64_t rows, const std::vector<float>& angles) {
  std::vector<float> cos(angles.size()), sin(angles.size());
  for (size_t i = 0; i < angles.size(); ++i) {
    cos[i] = std::cos(angles[i]);
    sin[i] = std::sin(angles[i]);
  }
  const Shape shape{rows, rows == 0 ? 0 : static_cast<int64_t>(angles.size()) / rows};
  return {graph.constant(shape, std::move(cos)), graph.constant(shape, std::move(sin))};
}

RopeTables sequence_rope(Graph& graph, int64_t rows, int64_t head_size, double base, double divisor) {
  const int64_t half = head_size / 2;
  std::vector<float> angles(static_cast<size_t>(rows * half));
  for (int64_t j = 0; j < half; ++j) {
    const float exponent = static_cast<float>(2 * j) / static_cast<float>(head_size);
    const float frequency = 1.0f / std::pow(static_cast<float>(base), exponent) / static_cast<float>(divisor);
    for (int64_t i = 0; i < rows; ++i) angles[static_cast<size_t>(i * half + j)] = static_cast<float>(i) * frequency;
  }
  return rope_tables(graph, rows, angles);
}

}  // namespace newbie
