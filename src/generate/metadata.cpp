#include "generate/metadata.h"

#include "core/json.h"
#include "diffusion/registry.h"
#include "generate/request_fields.h"

namespace newbie {

std::string picture_hash(const Image& image) {
  uint64_t hash = 0xcbf29ce484222325;
  const auto mix = [&](uint64_t byte) { hash = (hash ^ byte) * 0x100000001b3; };
  for (const int value : {image.width, image.height, image.channels})
    for (int shift = 0; shift < 32; shift += 8) mix(static_cast<uint32_t>(value) >> shift & 0xFF);
  for (const uint8_t byte : image.pixels) mix(byte);
  return fmt::format("{:016x}", hash);
}

namespace {

int64_t steps_of(const GenerateRequest& r, const PictureFacts& facts) {
  if (r.tolerance > 0) return facts.steps;
  return r.sigmas.empty() ? r.steps : static_cast<int64_t>(r.sigmas.size()) - 1;
}

}  // namespace

std::string a1111_parameters(const GenerateRequest& r, const PictureFacts& facts) {
  std::string out = r.prompt;
  if (!r.negative_prompt.empty()) out += "\nNegative prompt: " + r.negative_prompt;
  out +=
      fmt::format("\nSteps: {}, Sampler: {}, Schedule type: {}, CFG scale: {:g}, Seed: {}, Size: {}x{}, Model hash: {}",
                  steps_of(r, facts), r.tolerance > 0 ? tolerant_sampler().name : r.sampler, facts.schedule, r.cfg,
                  facts.seed, facts.size.width, facts.size.height, facts.parts.transformer.substr(0, 10));
  if (r.hires_scale != 0)
    out += fmt::format(", Denoising strength: {:g}, Hires upscale: {:g}, Hires steps: {}, Hires upscaler: Lanczos",
                       r.hires_strength, r.hires_scale, r.hires_steps != 0 ? r.hires_steps : r.steps);
  else if (r.init_image)
    out += fmt::format(", Denoising strength: {:g}", r.strength);
  out += ", Version: newbie.cpp";
  return out;
}

OrderedJson guard_json(std::span<const GuardEvent> events) {
  OrderedJson out = OrderedJson::array();
  for (const GuardEvent& e : events)
    out.push_back({{"where", e.where},
                   {"problem", e.problem},
                   {"action", e.action},
                   {"picture", e.picture},
                   {"evaluation", e.evaluation}});
  return out;
}

namespace {

bool is_recorded(const RequestField& field, const GenerateRequest& r) {
  switch (field.recorded) {
    case Recorded::Always: return true;
    case Recorded::IfUsed: return field.unused(r).empty();
    case Recorded::IfChanged: return !is_default(field, r);
    case Recorded::Never: return false;
  }
  return false;
}

}  // namespace

std::string request_json(const GenerateRequest& r, const PictureFacts& facts) {
  OrderedJson j;
  j["format"] = kRequestFormat;
  for (const RequestField& field : request_fields())
    if (is_recorded(field, r)) j[std::string(field.name)] = field.get(r);
  // What was left to the engine is said as it was decided.
  j["system_prompt"] = facts.system_prompt;
  j["schedule"] = facts.schedule;
  j["width"] = facts.size.width;
  j["height"] = facts.size.height;
  j["seed"] = r.batch_noise == BatchNoise::Seeds ? facts.seed : r.seed;
  // A slice of a larger draw cannot be had from a seed of its own.
  j["batch"] = r.batch_noise == BatchNoise::Seeds ? 1 : r.batch;
  j["batch_index"] = r.batch_noise == BatchNoise::Seeds ? 0 : facts.index;
  if (r.hires_scale != 0 && r.hires_steps == 0) j["hires_steps"] = r.steps;
  for (const RequestField& field : request_fields())
    if (field.picture != nullptr && r.*field.picture) j[std::string(field.name)] = picture_hash(*(r.*field.picture));
  const PrecisionPolicy& policy = facts.precision.policy;
  j["precision"] = to_string(policy.dtype);
  j["precision_preset"] = to_string(facts.precision.preset);
  j["precision_policy"] = policy.hash();
  if (facts.precision.emulated) j["precision_emulated"] = true;
  if (!facts.device.empty()) j["device"] = facts.device;
  if (!facts.guard_events.empty()) j["guard"] = guard_json(facts.guard_events);
  if (facts.estimated_distance) {
    j["evaluations"] = facts.evaluations;
    j["estimated_distance"] = *facts.estimated_distance;
  }
  j["parts"] = {{"transformer", facts.parts.transformer},
                {"text_encoder", facts.parts.text_encoder},
                {"clip_model", facts.parts.clip_model},
                {"vae", facts.parts.vae}};
  return j.dump();
}

}  // namespace newbie
