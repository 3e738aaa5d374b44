// Sums over rows, and the one over everything that a training step ends in.
#pragma once

#include "graph/graph.h"

namespace newbie {

extern const OpDef sum_rows_op, squared_error_op, squared_error_gradient_op;

// x [..., C] -> [C], the sum over rows: the gradient of a row that serves every row.
Value sum_rows(Value x);

// What `gradient` [..., C] means for an operand of `shape` that was used for it: itself, or where that was one row for
// every row, the sum over rows.
Value sum_to(Value gradient, Shape shape);  // by value: making a node may move the nodes that hold shapes

// x and target of one shape -> [1], the mean of (x − target)², summed in f32.
Value squared_error(Value x, Value target);

}  // namespace newbie
