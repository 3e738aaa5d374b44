// Ops that move elements and compute nothing: the result keeps its input's dtype.
#pragma once

#include "graph/graph.h"

namespace newbie {

extern const OpDef reshape_op, slice_rows_op, slice_columns_op, permute_op, concat_rows_op, concat_columns_op,
    upsample_nearest_op, pad_rows_op, pad_columns_op;

Value reshape(Value x, const Shape& shape);                 // a view
Value slice_rows(Value x, int64_t begin, int64_t end);      // along axis 0: a view
Value slice_columns(Value x, int64_t begin, int64_t end);   // along the last axis: a copy
Value permute(Value x, const std::vector<int64_t>& axes);   // result axis i is x's axis axes[i]
Value concat_rows(Value a, Value b);                        // along axis 0
Value concat_columns(Value a, Value b);                     // along the last axis
Value pad_rows(Value x, int64_t before, int64_t after);     // zeros around along axis 0: slice_rows' gradient
Value pad_columns(Value x, int64_t before, int64_t after);  // along the last axis
Value upsample_nearest(Value x);                            // [h, w, C] -> [2h, 2w, C]: every pixel becomes 2 x 2

}  // namespace newbie
