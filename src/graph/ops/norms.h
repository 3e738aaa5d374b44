// RMS, layer and group norms, computed in f32 whatever the storage.
#pragma once

#include "graph/graph.h"

namespace newbie {

extern const OpDef rms_norm_op, layer_norm_op, group_norm_op, rms_norm_gradient_op, layer_norm_gradient_op;

// y = x · rsqrt(mean(x²) + eps) · (offset + w) over consecutive groups of w's length n along the last axis (which is
// a multiple of n: per-head norms need no reshape). offset is 0, or 1 where the checkpoint stores w − 1 (Gemma).
Value rms_norm(Value x, Value weight, double eps, double offset = 0.0, std::string path = {});
Value rms_norm(const Scope& scope, Value x, int64_t width, double eps, double offset = 0.0);

// y = (x − mean) · rsqrt(var + eps) over the last axis, then · w + b where given (both or none).
Value layer_norm(Value x, double eps, Value weight = {}, Value bias = {}, std::string path = {});
Value layer_norm(const Scope& scope, Value x, double eps);

// What x does to a loss through such a norm: with g = dy ⊙ (offset + w), or dy ⊙ w, and y the normed x before that,
//   rms_norm:    dx = (g − y · mean(g ⊙ y)) · rsqrt(mean(x²) + eps)
//   layer_norm:  dx = (g − mean(g) − y · mean(g ⊙ y)) · rsqrt(var + eps)
Value rms_norm_gradient(Value x, Value weight, Value dy, double eps, double offset);
Value layer_norm_gradient(Value x, Value dy, double eps, Value weight = {});

// x [h, w, C]: statistics per group of C / groups channels over all pixels, biased variance; then · w + b per channel.
Value group_norm(const Scope& scope, Value x, int64_t groups, double eps);

}  // namespace newbie
