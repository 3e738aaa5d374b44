#include "overflow/weight_ranges.h"

#include <algorithm>
#include <cmath>

#include "core/scaled_weight.h"
#include "graph/ops/sources.h"
#include "overflow/magnitudes.h"

namespace newbie {

std::vector<WeightRange> weight_ranges(const std::string& part, const Graph& graph, int id,
                                       const std::vector<ResultPiece>& pieces, const WeightSource& weights) {
  std::vector<WeightRange> out;
  for (const int input : graph.node(id).inputs) {
    const Node& weight = graph.node(input);
    if (weight.op != &weight_op || weight.precision.storage == DType::F32) continue;
    const std::string& name = weight.paths.front();
    const auto spec = weights.find(name);
    if (!spec || spec->shape.rank() == 0 || spec->shape.elements() == 0) continue;
    std::vector<float> values(spec->shape.elements());
    weights.read(name, DType::F32, reinterpret_cast<std::byte*>(values.data()));
    const int64_t rows = spec->shape[0];
    const size_t row = values.size() / static_cast<size_t>(rows);
    const auto look = [&](int64_t begin, int64_t end) {
      const Magnitudes seen = magnitudes_of(
          std::span(values).subspan(row * static_cast<size_t>(begin), row * static_cast<size_t>(end - begin)));
      WeightRange range{.part = part,
                        .weight = std::string(parse_scaled_weight(name).name),
                        .begin = begin,
                        .end = end,
                        .format = weight.precision.storage,
                        .largest = seen.largest,
                        .loss = weight.precision.storage == DType::F16 ? seen.loss.share() : 0,
                        .spread = {}};
      range.spread.add(seen.bins, seen.loss.squares);
      out.push_back(std::move(range));
    };
    if (pieces.empty()) look(0, rows);
    for (const ResultPiece& piece : pieces) look(piece.begin, piece.end);
  }
  return out;
}

}  // namespace newbie
