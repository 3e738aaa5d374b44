// Adapters as a rewrite: linear(x, W) becomes linear(x, W) + scale · linear(linear(x, A), B), found by W's name. W
// itself stays as it is, so that it may be of 8-bit numbers, stream, or be shared with runs without adapters.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace newbie {

// A weight that the adapter brings: the run's WeightSource knows it by this name.
struct AttachedWeight {
  std::string name;
  Shape shape;
};

// One change of y = x Wᵀ, x [..., K], y [..., N].
struct AttachedStep {
  enum class Kind {
    LowRank,     // y + scale · (x downᵀ) upᵀ     down [r, K], up [N, r]
    Kronecker,   // y + x kron(w1, w2)ᵀ           w1 [a, b], w2 [n / a, K / b]; n columns of y
    Difference,  // y + x Δᵀ                      Δ [n, K]
    RowFactors,  // y · factors                   factors [N]
  };
  Kind kind = Kind::LowRank;
  std::vector<AttachedWeight> weights;
  int64_t first_column = 0;  // of y, of Kronecker and Difference
  double scale = 1;          // of LowRank
};

struct AttachedAdapters {
  std::map<std::string, std::vector<AttachedStep>, std::less<>> steps;  // by W's name, taken in order
  std::map<std::string, std::string, std::less<>> replaced;             // vectors: by name, what is read instead

  bool empty() const { return steps.empty() && replaced.empty(); }
};

// The rewritten graph; weights may have been rescaled before (compile/rescale.h). Error{Unsupported} when a weight with
// steps is read by another op than linear.
Graph attach_adapters(const Graph& graph, const AttachedAdapters& adapters);

// Whether a value of this path was made by attach_adapters: it is not computed with 8-bit numbers.
bool is_attached(std::string_view path);

}  // namespace newbie
