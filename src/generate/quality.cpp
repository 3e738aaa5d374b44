#include "generate/quality.h"

#include <fmt/format.h>

#include <string_view>

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
  if (r.sampler != kSampler || (!r.schedule.empty() && r.schedule != kSchedule) || !r.sigmas.empty())
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
  }
}

int64_t evaluations_of(const GenerateRequest& r, const NoiseLevels& levels) {
  const int64_t out = find_sampler(r.sampler).evaluations(static_cast<int>(levels.sigmas.size()) - 1);
  return r.cfg == 1 ? out : 2 * out;  // guidance evaluates the negative prompt, too
}

int64_t evaluations_of(const GenerateRequest& r) {
  return evaluations_of(r, noise_levels(r)) + (r.hires_scale != 0 ? evaluations_of(r, hires_noise_levels(r)) : 0);
}

std::string quality_steps() {
  std::string out;
  for (const Row& row : kRows)
    out += fmt::format("{}{}: {}", out.empty() ? "" : ", ", name_in(qualities(), row.quality), row.steps);
  return out + fmt::format(" steps of {}", kSampler);
}

}  // namespace newbie
