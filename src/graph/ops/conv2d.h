// 2-D convolution on channels-last pictures.
#pragma once

#include "graph/graph.h"

namespace newbie {

extern const OpDef conv2d_op;

struct Padding {
  int64_t top = 0, left = 0, bottom = 0, right = 0;  // rows and columns of zeros
};

// x [h, w, I], weight [O, I, kh, kw], bias [O] -> [oh, ow, O] with oh = (h + top + bottom − kh) / stride + 1.
// Reads `scope.weight` and `scope.bias`; the result is known by the scope's path.
Value conv2d(const Scope& scope, Value x, int64_t out_channels, int64_t kernel, int64_t stride, Padding padding);

}  // namespace newbie
