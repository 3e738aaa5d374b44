// RMS, layer and group norms, computed in f32 whatever the storage.
#pragma once

#include "graph/graph.h"

namespace newbie {

extern const OpDef rms_norm_op, layer_norm_op, group_norm_op;

// y = x · rsqrt(mean(x²) + eps) · (offset + w) over consecutive groups of w's length n along the last axis (which is
// a multiple of n: per-head norms need no reshape). offset is 0, or 1 where the checkpoint stores w − 1 (Gemma).
Value rms_norm(Value x, Value weight, double eps, double offset = 0.0, std::string path = {});
Value rms_norm(const Scope& scope, Value x, int64_t width, double eps, double offset = 0.0);

// y = (x − mean) · rsqrt(var + eps) over the last axis, then · w + b where given (both or none).
Value layer_norm(Value x, double eps, Value weight = {}, Value bias = {}, std::string path = {});
Value layer_norm(const Scope& scope, Value x, double eps);

// x [h, w, C]: statistics per group of C / groups channels over all pixels, biased variance; then · w + b per channel.
Value group_norm(const Scope& scope, Value x, int64_t groups, double eps);

}  // namespace newbie
