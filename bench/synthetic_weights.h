// Made-up weights for any graph: the right shapes, finite results, no files. For timing and memory work at full size.
#pragma once

#include <cmath>
#include <cstring>
#include <map>
#include <string>

#include "core/float_formats.h"
#include "core/weight_source.h"
#include "graph/ops/sources.h"

namespace newbie::bench {

// Matrices are uniform with variance 1 / columns, so that activations keep their size; vectors (norm weights, biases)
// are small around 1 or 0 by name. Gates of a few tenths follow from biases of 0.3 in `adaLN_modulation`.
class SyntheticWeights final : public WeightSource {
 public:
  explicit SyntheticWeights(const Graph& graph) { add(graph); }

  void add(const Graph& graph) {
    for (int id = 0; id < graph.size(); ++id)
      if (graph.node(id).op == &weight_op) shapes_.emplace(graph.node(id).paths.front(), graph.node(id).shape);
  }

  std::optional<TensorSpec> find(std::string_view name) const override {
    const auto it = shapes_.find(std::string(name));
    return it == shapes_.end() ? std::nullopt : std::optional(TensorSpec{it->second, DType::BF16});
  }
  ConstTensorView mapped(std::string_view) const override { return {}; }

  void read(std::string_view name, DType dtype, std::byte* destination) const override {
    const Shape& shape = shapes_.at(std::string(name));
    const bool matrix = shape.rank() >= 2;
    const bool is_norm = name.find("norm") != std::string_view::npos && name.ends_with("weight");
    const bool is_gate = name.find("adaLN_modulation") != std::string_view::npos && name.ends_with("bias");
    const float middle = is_norm && !matrix ? 1.0f : is_gate ? 0.3f : 0.0f;
    const size_t fan_in = matrix ? shape.elements() / static_cast<size_t>(shape[0]) : 1;
    const float spread = matrix ? std::sqrt(3.0f / static_cast<float>(fan_in)) : 0.05f;
    uint64_t state = std::hash<std::string_view>{}(name) | 1;
    for (size_t i = 0; i < shape.elements(); ++i) {
      state = state * 6364136223846793005ull + 1442695040888963407ull;
      const float unit = static_cast<float>(static_cast<int32_t>(state >> 32)) * 0x1p-31f;  // [-1, 1)
      const float value = middle + spread * unit;
      convert(DType::F32, reinterpret_cast<const std::byte*>(&value), dtype, destination + i * size_of(dtype), 1);
    }
  }

 private:
  std::map<std::string, Shape> shapes_;
};

}  // namespace newbie::bench
