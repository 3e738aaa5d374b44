// cast: the same numbers in another dtype. Made by compile/assign_precision alone; the target is the node's storage
// dtype.
#pragma once

#include "graph/graph.h"

namespace newbie {

extern const OpDef cast_op;

}  // namespace newbie
