// Rotary position embedding, per head, in f32.  x [S, heads · D], cos and sin [S, D/2]
#pragma once

#include "graph/graph.h"

namespace newbie {

enum class RopeLayout {
  Interleaved,  // pairs (2k, 2k+1): NextDiT, the Jina vision tower
  HalfSplit,    // pairs (k, k + D/2): Gemma, the Jina text tower
};

extern const OpDef rope_op;
extern const OpDef norm_rope_op;  // made by compile/fuse: x, w, cos, sin -> rope(rms_norm(x; w)), w one head wide

// o[a] = x[a]·cos − x[b]·sin,  o[b] = x[a]·sin + x[b]·cos for every pair (a, b) of every head.
Value rope(Value x, Value cos, Value sin, RopeLayout layout);

}  // namespace newbie
