// A compiled graph as an ONNX model. An op has a mapping (onnx/maps/), or is taken apart into
// its meaning until all its parts have one.
#pragma once

#include <span>
#include <string>

#include "graph/graph.h"
#include "onnx/model.h"

namespace newbie {

// The same computation with the same inputs, outputs and dtypes; weights have no places yet (OnnxWeightFile). Nodes and
// values are named by the paths of `graph`, which should have them all (compile/name_values.h); inputs and outputs by
// their names. What lies inside an op that is taken apart is kept in the dtype that the op keeps its inner values in.
// Error{Unsupported} names an op that has neither a mapping nor a meaning.
OnnxModel to_onnx(const Graph& graph, std::string name);

// Whether `op` has a mapping of its own.
bool maps_to_onnx(const OpDef& op);

}  // namespace newbie
