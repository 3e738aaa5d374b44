#include "generate/request.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "diffusion/registry.h"
#include "diffusion/schedules.h"
#include "generate/request_fields.h"
#include "text/prompt_weights.h"

namespace newbie {

namespace {

double shift_of(const GenerateRequest& r) { return r.shift != 0 ? r.shift : kUsualShift; }

}  // namespace

std::span<const Named<BatchNoise>> batch_noises() {
  static constexpr Named<BatchNoise> kNoises[] = {{BatchNoise::Seeds, "seeds"}, {BatchNoise::Slices, "slices"}};
  return kNoises;
}

std::span<const Named<PreviewMethod>> preview_methods() {
  static constexpr Named<PreviewMethod> kMethods[] = {{PreviewMethod::Linear, "linear"},
                                                      {PreviewMethod::Decode, "decode"}};
  return kMethods;
}

void check_request(const GenerateRequest& r) {
  for (const RequestField& field : request_fields()) check_value(field, field.get(r));
  if (r.weights) {
    parse_weights(r.prompt, "the prompt");
    parse_weights(r.negative_prompt, "the negative prompt");
  }
  noise_levels(r);
  if (r.mask && !r.init_image)
    fail_field("mask", "give the picture with `init_image`", "there is no picture it could be of");
  if (r.hires_scale == 0) return;
  if (r.mask)
    fail_field("mask", "repaint first, and enlarge the result by another request",
               "not with `hires_scale`: kept pixels have no larger counterpart");
  hires_noise_levels(r);
}

namespace {

int64_t nearest_multiple(double value, int64_t step) {
  return std::max(step, static_cast<int64_t>(std::nearbyint(value / static_cast<double>(step))) * step);
}

// What is not given follows the picture to start from.
PictureSize asked_size(const GenerateRequest& r, int64_t default_side, int64_t step) {
  if (!r.init_image) return {r.width == 0 ? default_side : r.width, r.height == 0 ? default_side : r.height};
  const double width = r.init_image->width, height = r.init_image->height;
  const double scale = r.width != 0    ? static_cast<double>(r.width) / width
                       : r.height != 0 ? static_cast<double>(r.height) / height
                                       : 1;
  return {r.width != 0 ? r.width : nearest_multiple(width * scale, step),
          r.height != 0 ? r.height : nearest_multiple(height * scale, step)};
}

// `field` is what `side` of the size comes from.
void check_side(std::string_view field, int64_t side, PictureSize size, int64_t step) {
  if (side < step || side > kMaxSide)
    fail_field(field, "", "picture sides must be between {} and {} pixels, got {}x{}", step, kMaxSide, size.width,
               size.height);
  if (side % step == 0) return;
  const int64_t down = side / step * step;
  fail_field(field, fmt::format("the nearest are {} and {}", down, down + step),
             "picture sides must be multiples of {}, got {}x{}", step, size.width, size.height);
}

}  // namespace

PictureSize picture_size(const GenerateRequest& r, int64_t default_side, int64_t step) {
  const PictureSize size = asked_size(r, default_side, step);
  check_side("width", size.width, size, step);
  check_side("height", size.height, size, step);
  return size;
}

const Sampler& sampler_of(const GenerateRequest& r) {
  return r.tolerance > 0 ? tolerant_sampler() : find_sampler(r.sampler);
}

std::string schedule_of(const GenerateRequest& r) {
  return r.tolerance > 0 || r.schedule.empty() ? std::string(sampler_of(r).default_schedule) : r.schedule;
}

NoiseLevels noise_levels(const GenerateRequest& r) {
  if (r.tolerance == 0 && !r.sigmas.empty()) {
    check_sigmas(r.sigmas, "sigmas");
    return {"by hand", r.sigmas};
  }
  const std::string name = schedule_of(r);
  const int steps = r.tolerance > 0 ? kAdaptiveLevels : r.steps;
  if (r.init_image)
    return {name, sigmas_for_strength(name, steps, r.strength, r.strength_rule, {.shift = shift_of(r)})};
  return {name, make_sigmas(name, steps, {.shift = shift_of(r)})};
}

PictureSize hires_size(const GenerateRequest& r, PictureSize first, int64_t step) {
  const PictureSize size{nearest_multiple(static_cast<double>(first.width) * r.hires_scale, step),
                         nearest_multiple(static_cast<double>(first.height) * r.hires_scale, step)};
  for (const int64_t side : {size.width, size.height}) check_side("hires_scale", side, size, step);
  return size;
}

NoiseLevels hires_noise_levels(const GenerateRequest& r) {
  const std::string name = schedule_of(r);
  const int steps = r.tolerance > 0 ? kAdaptiveLevels : r.hires_steps != 0 ? r.hires_steps : r.steps;
  return {name, sigmas_for_strength(name, steps, r.hires_strength, r.strength_rule, {.shift = shift_of(r)})};
}

}  // namespace newbie
