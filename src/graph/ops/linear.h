// linear: y = x Wᵀ + b.  x [..., K], W [N, K], b [N] (optional) -> [..., N]
// linear_transposed: y = x W.  x [..., N], W [N, K] -> [..., K], which is linear's gradient of x.
#pragma once

#include "graph/graph.h"

namespace newbie {

extern const OpDef linear_op, linear_transposed_op;

// Reads `scope.weight` and, with bias, `scope.bias`; the result is known by the scope's path.
Value linear(const Scope& scope, Value x, int64_t out_features, bool bias);
Value linear(Value x, Value weight, Value bias = {}, std::string path = {});
Value linear_transposed(Value x, Value weight);

}  // namespace newbie
