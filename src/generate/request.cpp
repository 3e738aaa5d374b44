#include "generate/request.h"

#include <cmath>

#include "core/error.h"
#include "diffusion/registry.h"
#include "diffusion/schedules.h"

namespace newbie {

namespace {

constexpr int64_t kMaxSide = 16384;
constexpr int kMaxBatch = 4096;

void in_range(const char* what, double value, double low, double high) {
  if (!std::isfinite(value) || value < low || value > high)
    fail(ErrorKind::InvalidRequest, "{} must be between {} and {}, got {}", what, low, high, value);
}

}  // namespace

void check_request(const GenerateRequest& r) {
  in_range("batch count", r.batch, 1, kMaxBatch);
  in_range("cfg scale", r.cfg, -100, 100);
  in_range("cfg trunc", r.cfg_trunc, -1e6, 1e6);
  in_range("renorm cfg", r.renorm_cfg, 0, 100);
  in_range("rescale cfg", r.rescale_cfg, 0, 1);
  in_range("eta", r.eta, 0, 1);
  in_range("Gemma token limit", static_cast<double>(r.max_gemma_tokens), 1, 131072);
  in_range("Jina token limit", static_cast<double>(r.max_jina_tokens), 2, 8194);
  noise_levels(r);
}

PictureSize picture_size(const GenerateRequest& r, int64_t default_side, int64_t step) {
  const PictureSize size{r.width == 0 ? default_side : r.width, r.height == 0 ? default_side : r.height};
  for (int64_t side : {size.width, size.height}) {
    if (side < step || side > kMaxSide)
      fail(ErrorKind::InvalidRequest, "picture sides must be between {} and {} pixels, got {}x{}", step, kMaxSide,
           size.width, size.height);
    if (side % step != 0) {
      const int64_t down = side / step * step;
      fail_with_hint(ErrorKind::InvalidRequest, fmt::format("the nearest are {} and {}", down, down + step),
                     "picture sides must be multiples of {}, got {}x{}", step, size.width, size.height);
    }
  }
  return size;
}

NoiseLevels noise_levels(const GenerateRequest& r) {
  const Sampler& sampler = find_sampler(r.sampler);
  if (!r.sigmas.empty()) {
    check_sigmas(r.sigmas, "sigmas");
    return {"by hand", r.sigmas};
  }
  const std::string name = r.schedule.empty() ? std::string(sampler.default_schedule) : r.schedule;
  return {name, make_sigmas(name, r.steps, {.shift = r.shift})};
}

}  // namespace newbie
