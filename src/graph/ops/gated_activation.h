// The products inside gated feed-forward layers.
#pragma once

#include "graph/graph.h"

namespace newbie {

extern const OpDef swiglu_op, geglu_tanh_op;

Value swiglu(Value gate, Value up);      // silu(gate) ⊙ up
Value geglu_tanh(Value gate, Value up);  // gelu_tanh(gate) ⊙ up

}  // namespace newbie
