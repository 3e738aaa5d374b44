#include "generate/quality.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "diffusion/guidance.h"
#include "diffusion/registry.h"

namespace newbie {

namespace {

constexpr std::string_view kSampler = "unipc", kSchedule = "few_steps";

struct Row {
  Quality quality;
  int steps;
};
constexpr Row kRows[] = {{Quality::Draft, 7}, {Quality::Normal, 11}, {Quality::Fine, 16}};

}  // namespace

std::span<const Named<Quality>> qualities() {
  static constexpr Named<Quality> kQualities[] = {
      {Quality::Manual, "manual"}, {Quality::Draft, "draft"}, {Quality::Normal, "normal"}, {Quality::Fine, "fine"}};
  return kQualities;
}

Quality quality_of(const GenerateRequest& r) {
  if (r.tolerance > 0 || r.sampler != kSampler || (!r.schedule.empty() && r.schedule != kSchedule) || !r.sigmas.empty())
    return Quality::Manual;
  for (const Row& row : kRows)
    if (row.steps == r.steps) return row.quality;
  return Quality::Manual;
}

void set_quality(GenerateRequest& r, Quality quality) {
  for (const Row& row : kRows) {
    if (row.quality != quality) continue;
    r.sampler = kSampler;
    r.schedule = kSchedule;
    r.steps = row.steps;
    r.sigmas.clear();
    r.tolerance = 0;
  }
}

int64_t evaluations_of(const GenerateRequest& r, const NoiseLevels& levels) {
  const Sampler& sampler = sampler_of(r);
  if (&sampler == &tolerant_sampler())
    return sampler.evaluations(static_cast<int>(levels.sigmas.size()) - 1) * (r.cfg == 1 ? 1 : 2);
  // Walked with nothing: when a sampler evaluates does not hang on what it gets.
  int64_t out = 0;
  const Denoise count = [&](std::span<const float>, double t, std::span<float> velocity) {
    out += guidance_active(t, r.cfg, r.cfg_trunc) ? 2 : 1;  // guidance evaluates the negative prompt, too
    std::ranges::fill(velocity, 0.0f);
  };
  std::vector<float> x(1);
  sample(sampler, {.sigmas = levels.sigmas, .denoise = count, .options = {.eta = 0}}, x);
  return out;
}

int64_t evaluations_of(const GenerateRequest& r) {
  return evaluations_of(r, noise_levels(r)) + (r.hires_scale != 0 ? evaluations_of(r, hires_noise_levels(r)) : 0);
}

bool evaluations_are_bounds(const GenerateRequest& r) { return r.tolerance > 0 || (r.cfg != 1 && r.cfg_hold > 0); }

std::string quality_steps() {
  std::string out;
  for (const Row& row : kRows)
    out += fmt::format("{}{}: {}", out.empty() ? "" : ", ", name_in(qualities(), row.quality), row.steps);
  return out + fmt::format(" steps of {}", kSampler);
}

}  // namespace newbie
