// Pooling of channels-last pictures over square windows.
#pragma once

#include "graph/ops/conv2d.h"

namespace newbie {

extern const OpDef max_pool2d_op, average_pool2d_op;

// x [h, w, C] -> [oh, ow, C] with oh = (h + top + bottom − kernel) / stride + 1. Padding only says which windows there
// are, and is smaller than the kernel: the maximum and the average are of the pixels inside the picture.
Value max_pool2d(Value x, int64_t kernel, int64_t stride, Padding padding = {});
Value average_pool2d(Value x, int64_t kernel, int64_t stride, Padding padding = {});

}  // namespace newbie
