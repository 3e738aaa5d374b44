// InceptionV3 as FID uses it (spec/metrics.md §1.1): TensorFlow's 2015-12-05 network in torchvision's key layout, up to
// the global average.
#pragma once

#include "graph/graph.h"

namespace newbie {

inline constexpr int64_t kInceptionSide = 299, kInceptionFeatures = 2048;

// Input  "pixels" [299, 299, 3]: values about -1 … 1.
// Output "pool3" [1, 2048].
// Weights are `<unit>.conv.weight` [O, I, kh, kw] and `<unit>.conv.bias` [O], the batch normalisation folded in.
Graph inception_v3();

}  // namespace newbie
