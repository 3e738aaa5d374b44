// Table rows, time features, and pooling.
#pragma once

#include "graph/graph.h"

namespace newbie {

extern const OpDef embedding_op, timestep_embedding_op, mean_rows_op;

// ids [S] (Index), table [V, C] -> rows · scale [S, C]; scale is rounded to the op's compute dtype before the product
// (Gemma, spec/gemma3.md §2.1). An id outside [0, V) is the caller's error: token ids are checked before a run.
Value embedding(Value ids, Value table, double scale = 1.0, std::string path = {});

// t [1] -> [1, width]: cos(t·f_k) for k < width/2, then sin(t·f_k), f_k = max_period^(−k / (width/2)), all in f32.
Value timestep_embedding(Value t, int64_t width, double max_period = 10000.0);

// x [S, C] -> [1, C], the mean over rows.
Value mean_rows(Value x);

}  // namespace newbie
