// linear_add: y = x Wᵀ + addend, in one pass over the result.  x [..., K], W [N, K], addend [..., N] -> [..., N]
// Made by compile/attach_adapters.
#pragma once

#include "graph/graph.h"

namespace newbie {

extern const OpDef linear_add_op;

Value linear_add(Value x, Value weight, Value addend, std::string path = {});

}  // namespace newbie
