#include "train/objective.h"

#include <cmath>

#include "core/error.h"
#include "train/draw.h"

namespace newbie {

double shift_mu(int64_t tokens) { return 0.5 + static_cast<double>(tokens - 256) * 0.65 / 3840.0; }

double shifted_time(double t, double mu) {
  const double sigma = 1.0 - t, towards_noise = std::exp(mu);
  if (sigma <= 0.0) return 1.0;
  return 1.0 - towards_noise / (towards_noise + 1.0 / sigma - 1.0);
}

double draw_time(const TimeOptions& options, uint64_t seed, uint64_t number, int64_t tokens) {
  Draw draw(seed, DrawFor::Time, number);
  const double t = options.density == TimeDensity::LogNormal ? 1.0 / (1.0 + std::exp(-draw.normal())) : draw.uniform();
  return options.shift ? shifted_time(t, shift_mu(tokens)) : t;
}

FlowSample flow_sample(std::span<const float> data, std::span<const float> noise, double time) {
  if (data.size() != noise.size()) fail(ErrorKind::Internal, "{} latents, {} of noise", data.size(), noise.size());
  FlowSample out{static_cast<float>(time), std::vector<float>(data.size()), std::vector<float>(data.size())};
  const float t = out.time, rest = 1.0f - t;
  for (size_t i = 0; i < data.size(); ++i) {
    out.noisy[i] = t * data[i] + rest * noise[i];
    out.target[i] = data[i] - noise[i];
  }
  return out;
}

}  // namespace newbie
