// What the guard looks for: magnitudes of tensors, and how far a picture's levels spread.
#pragma once

#include "core/parallel.h"
#include "core/tensor.h"
#include "image/image.h"

namespace newbie {

// The largest magnitude of a float tensor; infinite when there is an infinity, NaN when there is a NaN.
float abs_max(ConstTensorView value, ThreadPool& threads);

// LevelSpread of a picture's levels.
struct LevelSpread {
  int range = 0;         // the widest of a channel
  double deviation = 0;  // of the channel that varies most
};
LevelSpread spread_of(const Image& image);

}  // namespace newbie
