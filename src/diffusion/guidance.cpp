#include "diffusion/guidance.h"

#include <cmath>

#include "core/error.h"

namespace newbie {
namespace {

void require_equal_length(size_t a, size_t b) {
  if (a != b) fail(ErrorKind::Internal, "guidance: vectors of {} and {} elements", a, b);
}

double norm(std::span<const float> v) {
  double sum = 0;
  for (const float e : v) sum += static_cast<double>(e) * e;
  return std::sqrt(sum);
}

// Standard deviation of v + shift x, times sqrt(n): a ratio of two forgets the factor.
double spread(std::span<const float> v, double shift, std::span<const float> x) {
  double mean = 0;
  for (size_t i = 0; i < v.size(); ++i) mean += v[i] + shift * x[i];
  mean /= static_cast<double>(v.size());
  double sum = 0;
  for (size_t i = 0; i < v.size(); ++i) {
    const double d = v[i] + shift * x[i] - mean;
    sum += d * d;
  }
  return std::sqrt(sum);
}

}  // namespace

bool guidance_active(double t, double cfg, double cfg_trunc) { return cfg != 1 && t < cfg_trunc; }

void combine_cfg(std::span<const float> v_cond, std::span<const float> v_uncond, double cfg, std::span<float> out) {
  require_equal_length(v_cond.size(), v_uncond.size());
  require_equal_length(v_cond.size(), out.size());
  const float scale = static_cast<float>(cfg);
  for (size_t i = 0; i < out.size(); ++i) out[i] = v_uncond[i] + scale * (v_cond[i] - v_uncond[i]);
}

bool HeldGuidance::holds(double t, std::span<const float> v_cond) const {
  if (passes_ < 2 || !(t > time_)) return false;
  require_equal_length(v_cond.size(), difference_.size());
  double guided = 0;
  for (size_t i = 0; i < v_cond.size(); ++i) {
    const double v = v_cond[i] + (cfg_ - 1) * difference_[i];
    guided += v * v;
  }
  return std::abs(cfg_ - 1) * per_time_ * (t - time_) <= limit_ * std::sqrt(guided);
}

void HeldGuidance::remember(double t, std::span<const float> v_cond, std::span<const float> v_uncond) {
  require_equal_length(v_cond.size(), difference_.size());
  require_equal_length(v_uncond.size(), difference_.size());
  double moved = 0;
  for (size_t i = 0; i < v_cond.size(); ++i) {
    const float now = v_cond[i] - v_uncond[i];
    const double by = passes_ == 0 ? 0 : static_cast<double>(now) - difference_[i];
    moved += by * by;
    difference_[i] = now;
  }
  // Samplers that go back in time, or stay, tell nothing of the rate.
  if (passes_ > 0 && t > time_) per_time_ = std::sqrt(moved) / (t - time_);
  if (passes_ == 0 || t > time_) ++passes_;
  time_ = t;
}

void HeldGuidance::stand_in(std::span<const float> v_cond, std::span<float> v_uncond) const {
  for (size_t i = 0; i < v_uncond.size(); ++i) v_uncond[i] = v_cond[i] - difference_[i];
}

void renorm_cfg(std::span<const float> v_cond, double renorm, std::span<float> v) {
  require_equal_length(v_cond.size(), v.size());
  if (!(renorm > 0)) return;
  const double n = norm(v), most = renorm * norm(v_cond);
  if (n < most || n == 0) return;
  const float scale = static_cast<float>(most / n);
  for (float& e : v) e *= scale;
}

void rescale_cfg(std::span<const float> x, std::span<const float> v_cond, double sigma, double multiplier,
                 std::span<float> v) {
  require_equal_length(x.size(), v.size());
  require_equal_length(v_cond.size(), v.size());
  if (!(multiplier >= 0 && multiplier <= 1))
    fail(ErrorKind::InvalidRequest, "rescale multiplier must be 0 to 1, got {}", multiplier);
  if (multiplier == 0) return;
  const double shift = sigma / (sigma * sigma + 1);
  const double guided = spread(v, shift, x);
  if (guided == 0) return;  // a constant vector has no spread to correct
  const double factor = multiplier * spread(v_cond, shift, x) / guided + (1 - multiplier);
  for (size_t i = 0; i < v.size(); ++i) {
    const double moved = shift * x[i];
    v[i] = static_cast<float>((v[i] + moved) * factor - moved);
  }
}

}  // namespace newbie
