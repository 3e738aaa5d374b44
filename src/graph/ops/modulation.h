// adaLN without shift, as NextDiT uses it: scale before a branch, gate after it. Fused ops, so that a backend can do
// each in one pass over memory.
#pragma once

#include "graph/graph.h"

namespace newbie {

extern const OpDef modulate_op, gated_residual_op;
extern const OpDef norm_modulate_op, norm_gated_residual_op, norm_residual_op;

Value modulate(Value x, Value scale);                                       // x ⊙ (1 + scale)
Value gated_residual(Value x, Value y, Value gate, std::string path = {});  // x + tanh(gate) ⊙ y

// Made by compile/fuse; `norm` is rms_norm with its attributes.
//   norm_modulate        x, w, scale    -> norm(x; w) ⊙ (1 + scale)
//   norm_gated_residual  x, y, w, gate  -> x + tanh(gate) ⊙ norm(y; w)
//   norm_residual        x, y, w        -> x + norm(y; w)

}  // namespace newbie
