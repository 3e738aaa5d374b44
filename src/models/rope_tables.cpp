#include "models/rope_tables.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace newbie {

namespace {

// cos or sin of the angles of three axes, and the rows that are put together from them.
class AxisTable {
 public:
  AxisTable(const RopeAxes& axes, float (*function)(float), std::function<RopePosition(int64_t)> position_of)
      : position_of_(std::move(position_of)) {
    for (size_t axis = 0; axis < axes.angles.size(); ++axis) {
      const std::vector<float>& angles = axes.angles[axis];
      pairs_[axis] = angles.size() / static_cast<size_t>(axes.extents[axis]);
      values_[axis].resize(angles.size());
      std::ranges::transform(angles, values_[axis].begin(), function);
    }
  }

  size_t width() const { return pairs_[0] + pairs_[1] + pairs_[2]; }

  // Values [first, first + out.size()) of the table: whole rows, but for the first and the last.
  void operator()(size_t first, std::span<float> out) const {
    size_t row = first / width(), skipped = first % width();
    while (!out.empty()) {
      const RopePosition at = position_of_(static_cast<int64_t>(row++));
      for (size_t axis = 0; axis < pairs_.size() && !out.empty(); ++axis) {
        const size_t skip = std::min(skipped, pairs_[axis]), count = std::min(pairs_[axis] - skip, out.size());
        skipped -= skip;
        std::copy_n(&values_[axis][static_cast<size_t>(at[axis]) * pairs_[axis]] + skip, count, out.begin());
        out = out.subspan(count);
      }
    }
  }

 private:
  std::function<RopePosition(int64_t)> position_of_;
  std::array<size_t, 3> pairs_{};
  std::array<std::vector<float>, 3> values_;
};

}  // namespace

RopeTables rope_tables(Graph& graph, int64_t rows, const RopeAxes& axes,
                       std::function<RopePosition(int64_t row)> position_of) {
  const AxisTable cos(
      axes, [](float a) { return std::cos(a); }, position_of);
  const AxisTable sin(
      axes, [](float a) { return std::sin(a); }, std::move(position_of));
  const Shape shape{rows, static_cast<int64_t>(cos.width())};
  return {graph.constant(shape, Constant(shape.elements(), cos)),
          graph.constant(shape, Constant(shape.elements(), sin))};
}

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
