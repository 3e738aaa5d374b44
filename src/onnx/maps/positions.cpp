// Table rows, time features and rotary positions.
#include <cmath>
#include <vector>

#include "core/float_formats.h"
#include "graph/ops/rope.h"
#include "onnx/maps/maps.h"

namespace newbie {

// Heads are taken apart into their pairs: [S, heads · D] -> [S, heads, D/2, 2], or [S, heads, 2, D/2].
OnnxResult map_rope(Emitter& e, const Node& node, std::span<OnnxOperand* const> in) {
  const DType dtype = node.precision.accumulate;
  const int64_t rows = node.shape[0], half = in[1]->shape[1], heads = node.shape[1] / (2 * half);
  const bool interleaved = node.attrs.integer("layout") == static_cast<int64_t>(RopeLayout::Interleaved);
  const int64_t axis = interleaved ? 3 : 2;
  const Shape pairs = interleaved ? Shape{rows, heads, half, 2} : Shape{rows, heads, 2, half};
  const Shape table = interleaved ? Shape{rows, 1, half, 1} : Shape{rows, 1, 1, half};
  const std::string x = e.reshape(e.read(*in[0], dtype), pairs);
  const auto part = [&](int64_t i) {
    return e.add("Slice", {x, e.integers({i}), e.integers({i + 1}), e.integers({axis})});
  };
  const std::string a = part(0), b = part(1);
  const std::string cos = e.reshape(e.read(*in[1], dtype), table), sin = e.reshape(e.read(*in[2], dtype), table);
  const std::string first = e.add("Sub", {e.add("Mul", {a, cos}), e.add("Mul", {b, sin})});
  const std::string second = e.add("Add", {e.add("Mul", {a, sin}), e.add("Mul", {b, cos})});
  return {e.reshape(e.add("Concat", {first, second}, {{"axis", axis}}), node.shape), dtype};
}

OnnxResult map_embedding(Emitter& e, const Node& node, std::span<OnnxOperand* const> in) {
  OnnxOperand& table = *in[1];
  // The scale is rounded to the compute dtype: that is the reference's rounding.
  const double scale =
      static_cast<double>(round_to(node.precision.compute, static_cast<float>(node.attrs.real("scale"))));
  const std::string rows = e.add("Gather", {e.read(table, table.dtype), e.read(*in[0], DType::I32)});
  if (scale == 1) return {rows, table.dtype};
  const DType dtype = node.precision.accumulate;
  return {e.add("Mul", {e.cast(rows, table.dtype, dtype), e.number(scale, dtype)}), dtype};
}

// cos, then sin, of t · max_period^(−k / half); frequencies in float, step by step as the reference does
// (spec/nextdit.md §4).
OnnxResult map_timestep_embedding(Emitter& e, const Node& node, std::span<OnnxOperand* const> in) {
  const int64_t half = node.shape[1] / 2;
  const auto log_period = static_cast<float>(-std::log(node.attrs.real("max_period")));
  std::vector<float> frequencies(static_cast<size_t>(half));
  for (int64_t k = 0; k < half; ++k)
    frequencies[static_cast<size_t>(k)] = std::exp(log_period * static_cast<float>(k) / static_cast<float>(half));
  const std::string t = e.reshape(e.read(*in[0], DType::F32), Shape{1, 1});
  const std::string angles = e.add("Mul", {t, e.numbers({1, half}, frequencies, DType::F32)});
  return {e.add("Concat", {e.add("Cos", {angles}), e.add("Sin", {angles})}, {{"axis", int64_t{1}}}), DType::F32};
}

}  // namespace newbie
