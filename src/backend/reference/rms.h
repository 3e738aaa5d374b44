// The RMS norm of one vector, shared by rms_norm and the ops fused with it.
#pragma once

#include <cmath>
#include <cstdint>

#include "backend/backend.h"
#include "backend/reference/elements.h"

namespace newbie::reference {

struct Rms {
  double eps = 0, offset = 0;
  Inside r;

  explicit Rms(const KernelRequest& request)
      : eps(request.attrs.real("eps")), offset(request.attrs.real("offset")), r(request.precision.accumulate) {}

  // v <- v · rsqrt(mean(v²) + eps) · (offset + w), n elements
  void normalize(double* v, const double* w, int64_t n) const {
    double squares = 0;
    for (int64_t i = 0; i < n; ++i) squares = r(squares + r(v[i] * v[i]));
    const double scale = r(1.0 / r(std::sqrt(r(r(squares / static_cast<double>(n)) + r(eps)))));
    if (r.exact()) {
      for (int64_t i = 0; i < n; ++i) v[i] *= scale * (offset + w[i]);
    } else {
      for (int64_t i = 0; i < n; ++i) v[i] = r(r(v[i] * scale) * r(offset + r(w[i])));
    }
  }
};

}  // namespace newbie::reference
