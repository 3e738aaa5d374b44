// The RMS norm of one vector, shared by rms_norm and the ops fused with it.
#pragma once

#include <cmath>
#include <cstdint>

#include "graph/graph.h"

namespace newbie::reference {

struct Rms {
  double eps = 0, offset = 0;

  explicit Rms(const Attrs& attrs) : eps(attrs.real("eps")), offset(attrs.real("offset")) {}

  // v <- v · rsqrt(mean(v²) + eps) · (offset + w), n elements
  void normalize(double* v, const double* w, int64_t n) const {
    double squares = 0;
    for (int64_t i = 0; i < n; ++i) squares += v[i] * v[i];
    const double r = 1.0 / std::sqrt(squares / static_cast<double>(n) + eps);
    for (int64_t i = 0; i < n; ++i) v[i] *= r * (offset + w[i]);
  }
};

}  // namespace newbie::reference
