// Names for values that the model gives none, so that an Observer sees every one of them.
#pragma once

#include "graph/graph.h"

namespace newbie {

// A nameless value is called by the first named value made from it (or the output that it is) and its op:
// "layers.0.feed_forward.w2:swiglu"; the second of that name has ":swiglu#2". Sources keep what they have. Names are
// for looking: policies decide before.
void name_values(Graph& graph);

}  // namespace newbie
