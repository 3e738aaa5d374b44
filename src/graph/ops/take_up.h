// How ops with a matrix of weights take up scales (ScaleRule::take_up).
#pragma once

#include "graph/graph.h"

namespace newbie {

// x, weight and perhaps a bias: the weight makes of x's scale the result's, a bias is added to the result.
inline void take_up_matrix(Scaling& s) {
  s.weights[1] = s.result - s.operands[0];
  if (s.weights.size() > 2) s.weights[2] = s.result;
}

}  // namespace newbie
