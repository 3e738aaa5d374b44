// group_norm followed by SiLU in one pass, made by compile/fuse: x, w, b -> silu(group_norm(x)).
#pragma once

#include "graph/graph.h"

namespace newbie {

extern const OpDef group_norm_silu_op;

}  // namespace newbie
