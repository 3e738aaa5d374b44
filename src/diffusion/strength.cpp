#include "diffusion/strength.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace newbie {

std::span<const Named<StrengthRule>> strength_rules() {
  static constexpr Named<StrengthRule> kRules[] = {{StrengthRule::Diffusers, "diffusers"},
                                                   {StrengthRule::ComfyUi, "comfyui"}};
  return kRules;
}

std::vector<double> sigmas_for_strength(std::string_view name, int steps, double strength, StrengthRule rule,
                                        ScheduleOptions options) {
  if (!std::isfinite(strength) || strength <= 0 || strength > 1)
    fail_field("strength", "", "expected above 0 to 1, got {}", strength);
  std::vector<double> all = make_sigmas(name, steps, options);
  const auto intervals = static_cast<std::ptrdiff_t>(all.size()) - 1;
  if (rule == StrengthRule::Diffusers) {
    const auto walked = std::min(static_cast<std::ptrdiff_t>(static_cast<double>(intervals) * strength), intervals);
    if (walked == 0)
      fail_with_hint(ErrorKind::InvalidRequest, "raise `strength` or `steps`",
                     "{} intervals at strength {}: none is left to walk", intervals, strength);
    return {all.end() - walked - 1, all.end()};
  }
  constexpr double kWhole = 0.9999;  // ComfyUI takes what is above for 1
  if (strength > kWhole) return all;
  const double total = std::floor(steps / strength);
  if (total > kMaxSteps)
    fail_with_hint(ErrorKind::InvalidRequest, "raise `strength` or lower `steps`",
                   "{} steps at strength {} need a schedule of {} steps, at most {}", steps, strength, total,
                   kMaxSteps);
  std::vector<double> longer = make_sigmas(name, static_cast<int>(total), options);
  const auto kept = std::min(longer.size(), all.size());
  return {longer.end() - static_cast<std::ptrdiff_t>(kept), longer.end()};
}

void noise_latent(double sigma, std::span<const float> latent, std::span<float> x) {
  const auto s = static_cast<float>(sigma), rest = static_cast<float>(1 - sigma);
  for (size_t i = 0; i < x.size(); ++i) x[i] = s * x[i] + rest * latent[i];
}

}  // namespace newbie
