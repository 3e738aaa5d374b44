// Starting from a picture: which part of a schedule is walked (spec/sampling.md §6).
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "core/named.h"
#include "diffusion/schedules.h"

namespace newbie {

enum class StrengthRule {
  Diffusers,  // of the schedule's N intervals the last int(N · strength) are walked
  ComfyUi,    // a schedule of int(steps / strength) steps is made, and as many intervals as asked for are walked
};

std::span<const Named<StrengthRule>> strength_rules();

// The sigmas that are left of schedule `name`: all of them at strength 1. Error{InvalidRequest} when strength is not in
// (0, 1], when no interval is left, or as make_sigmas().
std::vector<double> sigmas_for_strength(std::string_view name, int steps, double strength, StrengthRule rule,
                                        ScheduleOptions options = {});

// x = sigma · noise + (1 − sigma) · latent, in place: `x` holds the noise.
void noise_latent(double sigma, std::span<const float> latent, std::span<float> x);

}  // namespace newbie
