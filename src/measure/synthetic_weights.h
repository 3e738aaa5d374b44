// Made-up weights for any graph: the right shapes, finite results, no files. For measurements at full size.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/weight_source.h"
#include "graph/graph.h"

namespace newbie {

// Matrices and kernels are uniform with variance 1 / (inputs of an output), so that activations keep their size; tables
// have variance 1 / width. Norm weights are near 1 (near 0 where the norm adds one to them: Gemma's), other vectors
// near 0, and the biases of adaLN_modulation near 0.3, so that gates are about tanh 0.3. A value depends on its
// weight's name and its index alone.
class SyntheticWeights final : public WeightSource {
 public:
  // Every weight of the graph, as `stored`; `offset_norms`: norms add one to their weights.
  void add(const Graph& graph, DType stored, bool offset_norms = false);

  std::vector<std::string> names() const;  // in order of the alphabet
  std::optional<TensorSpec> find(std::string_view name) const override;
  ConstTensorView mapped(std::string_view name) const override;
  void read(std::string_view name, DType dtype, std::byte* destination) const override;

  // Elements [first, first + count) of a weight in its stored dtype: for writers that hold no whole tensor.
  void read_part(std::string_view name, size_t first, size_t count, std::byte* destination) const;

 private:
  struct Entry {
    TensorSpec spec;
    float middle = 0, spread = 0;
  };
  const Entry& at(std::string_view name) const;
  static void fill(const Entry& entry, std::string_view name, size_t first, size_t count, DType dtype,
                   std::byte* destination);

  std::map<std::string, Entry, std::less<>> entries_;
};

}  // namespace newbie
