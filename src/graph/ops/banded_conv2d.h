// A convolution together with what makes its input, so that a backend can compute it in bands of rows and hold no whole
// picture on the way. Made by compile/band_convolutions.
#pragma once

#include <optional>

#include "graph/graph.h"

namespace newbie {

extern const OpDef banded_conv2d_op;

// x [h, w, I], then every second pixel new (upsample_nearest), then a 3 x 3 convolution that keeps the size, then
// silu(group_norm), then the convolution itself with stride 1, then + residual [oh, ow, O]; each but the last
// convolution may be missing. Operands in this order: x, first weight and bias, norm weight and bias, weight, bias,
// residual. Every part stores its result in the op's compute dtype; the last one as the op does.
struct BandedConv {
  bool upsampled = false;
  bool first = false;  // a convolution before the norm
  int64_t groups = 0;  // 0: no norm
  double eps = 0;
  std::vector<int64_t> padding;  // of the last convolution: top, left, bottom, right
  bool residual = false;

  static BandedConv from(const Attrs& attrs);
  Attrs attrs() const;

  // Positions of operands.
  size_t first_weight() const { return 1; }
  size_t norm_weight() const { return first ? 3 : 1; }
  size_t weight() const { return norm_weight() + (groups > 0 ? 2 : 0); }
  size_t residual_operand() const { return weight() + 2; }
  size_t operands() const { return weight() + 2 + (residual ? 1 : 0); }

  // What the norm, or the last convolution, reads.
  Shape middle(const Shape& x, const Shape& first_weight_shape) const;
};

}  // namespace newbie
