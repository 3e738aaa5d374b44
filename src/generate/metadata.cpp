#include "generate/metadata.h"

#include "core/json.h"

namespace newbie {

std::string picture_hash(const Image& image) {
  uint64_t hash = 0xcbf29ce484222325;
  const auto mix = [&](uint64_t byte) { hash = (hash ^ byte) * 0x100000001b3; };
  for (const int value : {image.width, image.height, image.channels})
    for (int shift = 0; shift < 32; shift += 8) mix(static_cast<uint32_t>(value) >> shift & 0xFF);
  for (const uint8_t byte : image.pixels) mix(byte);
  return fmt::format("{:016x}", hash);
}

std::string a1111_parameters(const GenerateRequest& r, const PictureFacts& facts) {
  std::string out = r.prompt;
  if (!r.negative_prompt.empty()) out += "\nNegative prompt: " + r.negative_prompt;
  out +=
      fmt::format("\nSteps: {}, Sampler: {}, Schedule type: {}, CFG scale: {:g}, Seed: {}, Size: {}x{}, Model hash: {}",
                  r.sigmas.empty() ? r.steps : static_cast<int>(r.sigmas.size()) - 1, r.sampler, facts.schedule, r.cfg,
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

std::string request_json(const GenerateRequest& r, const PictureFacts& facts) {
  OrderedJson j;
  j["format"] = 1;
  j["prompt"] = r.prompt;
  j["negative_prompt"] = r.negative_prompt;
  j["system_prompt"] = facts.system_prompt;
  j["routing"] = r.routing == Routing::Official ? "official" : "comfyui";
  if (r.weights) j["weights"] = true;
  j["max_gemma_tokens"] = r.max_gemma_tokens;
  j["max_jina_tokens"] = r.max_jina_tokens;
  j["width"] = facts.size.width;
  j["height"] = facts.size.height;
  j["seed"] = r.batch_noise == BatchNoise::Seeds ? facts.seed : r.seed;
  // A slice of a larger draw cannot be had from a seed of its own.
  j["batch"] = r.batch_noise == BatchNoise::Seeds ? 1 : r.batch;
  j["batch_index"] = r.batch_noise == BatchNoise::Seeds ? 0 : facts.index;
  j["batch_noise"] = r.batch_noise == BatchNoise::Seeds ? "seeds" : "slices";
  j["sampler"] = r.sampler;
  j["schedule"] = facts.schedule;
  j["steps"] = r.steps;
  if (!r.sigmas.empty()) j["sigmas"] = r.sigmas;
  j["shift"] = r.shift;
  j["eta"] = r.eta;
  j["cfg"] = r.cfg;
  j["cfg_trunc"] = r.cfg_trunc;
  j["renorm_cfg"] = r.renorm_cfg;
  j["rescale_cfg"] = r.rescale_cfg;
  if (r.vae_tile != 0) j["vae_tiling"] = r.vae_tile;
  if (r.cache.mode != CacheMode::Off) {
    j["cache"] = to_string(r.cache.mode);
    j["cache_threshold"] = r.cache.threshold;
  }
  if (r.init_image) {
    j["strength"] = r.strength;
    j["strength_rule"] = r.strength_rule == StrengthRule::Diffusers ? "diffusers" : "comfyui";
    j["init_image"] = picture_hash(*r.init_image);
    if (r.mask) j["mask"] = picture_hash(*r.mask);
  }
  if (r.hires_scale != 0)
    j["hires"] = {{"scale", r.hires_scale},
                  {"strength", r.hires_strength},
                  {"strength_rule", r.strength_rule == StrengthRule::Diffusers ? "diffusers" : "comfyui"},
                  {"steps", r.hires_steps != 0 ? r.hires_steps : r.steps}};
  const PrecisionPolicy& policy = facts.precision.policy;
  j["precision"] = to_string(policy.dtype);
  j["precision_preset"] = to_string(facts.precision.preset);
  j["precision_policy"] = policy.hash();
  if (facts.precision.emulated) j["precision_emulated"] = true;
  if (!facts.guard_events.empty()) j["guard"] = guard_json(facts.guard_events);
  j["parts"] = {{"transformer", facts.parts.transformer},
                {"text_encoder", facts.parts.text_encoder},
                {"clip_model", facts.parts.clip_model},
                {"vae", facts.parts.vae}};
  return j.dump();
}

}  // namespace newbie
