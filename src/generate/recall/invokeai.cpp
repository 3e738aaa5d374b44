// InvokeAI: "invokeai_metadata" since version 3, "sd-metadata" before.
#include "generate/json_text.h"
#include "generate/recall/adapter_tags.h"
#include "generate/recall/programs.h"
#include "generate/recall/said.h"
#include "generate/recall/their_syntax.h"

namespace newbie {

namespace {

constexpr TheirKey kInvokeKeys[] = {{"positive_prompt", "prompt"},
                                    {"negative_prompt", "negative_prompt"},
                                    {"seed", "seed"},
                                    {"steps", "steps"},
                                    {"cfg_scale", "cfg"},
                                    {"cfg_rescale_multiplier", "rescale_cfg"},
                                    {"strength", "strength"},
                                    {"width"},
                                    {"height"},
                                    {"scheduler"},
                                    {"loras"},
                                    {"hrf_enabled"},
                                    {"hrf_strength"},
                                    {"hrf_method"},
                                    {"init_image"},
                                    {"generation_mode"},
                                    {"app_version"},
                                    {"model"},
                                    {"vae"},
                                    {"rand_device"},
                                    {"positive_style_prompt"},
                                    {"negative_style_prompt"}};

// Of what version 2 called "image".
constexpr TheirKey kOldKeys[] = {{"seed", "seed"}, {"steps", "steps"}, {"cfg_scale", "cfg"}, {"strength", "strength"},
                                 {"prompt"},       {"width"},          {"height"},           {"sampler"},
                                 {"type"}};

// Schedulers of diffusers with Karras' levels end in _k.
void take_scheduler(std::string name, Said& said) {
  if (name.ends_with("_k")) {
    name.resize(name.size() - 2);
    said.take_schedule("Karras");
  }
  said.take_sampler(name);
}

// {"model": {"name": …}, "weight": 0.75}; older ones {"lora": {"model_name": …}}.
void take_invoke_adapters(const OrderedJson& json, Said& said) {
  const auto loras = json.find("loras");
  if (loras == json.end() || says_nothing(*loras)) return;
  if (!loras->is_array()) return said.lost("loras", text_of(*loras));
  for (const OrderedJson& one : *loras) {
    std::string name;
    if (!one.is_object()) {
      said.lost("loras", text_of(one));
      continue;
    }
    for (const char* model : {"model", "lora"})
      if (const auto it = one.find(model); name.empty() && it != one.end() && it->is_object())
        for (const char* key : {"name", "model_name"})
          if (name.empty()) name = string_at(*it, key);
    const auto weight = one.find("weight");
    const std::optional<double> strength = weight == one.end() ? 1.0 : number_of(text_of(*weight));
    if (name.empty() || !strength)
      said.lost("loras", text_of(one));
    else
      said.take_adapter(name, *strength);
  }
}

// Models whose prompts it gives to compel; of others every bracket is a letter, as here.
bool has_compel(const OrderedJson& json) {
  const auto model = json.find("model");
  const std::string base = model != json.end() && model->is_object() ? string_at(*model, "base") : "";
  return base.empty() || base.starts_with("sd-1") || base.starts_with("sd-2") || base.starts_with("sdxl");
}

void read_prompt_syntax(Said& said) {
  tell_syntax(said, SyntaxOf::InvokeAi);
  said.rewrite_weights(BracketRule::Compel);
}

// Beside the prompts: what SDXL's second encoder read, and whose generator drew the noise.
void tell_what_differs(const OrderedJson& json, Said& said) {
  for (const auto& [style, prompt] :
       {std::pair{"positive_style_prompt", "positive_prompt"}, {"negative_style_prompt", "negative_prompt"}})
    if (const std::string words = string_at(json, style); !words.empty() && words != string_at(json, prompt))
      said.lost(style, words);
  if (const std::string device = string_at(json, "rand_device"); !device.empty() && device != "cpu")
    said.lost("rand_device", device);
  const std::string mode = string_at(json, "generation_mode");
  if (!mode.empty() && !mode.ends_with("txt2img") && !json.contains("strength")) said.lost("generation_mode", mode);
}

}  // namespace

Recollection recall_invokeai(const OrderedJson& json) {
  Said said("InvokeAI");
  said.take_members(json, kInvokeKeys);
  said.take_sides(json);
  if (const std::string name = string_at(json, "scheduler"); !name.empty()) take_scheduler(name, said);
  said.default_schedule("flow_euler");  // what diffusers walks in models of this kind
  take_invoke_adapters(json, said);
  if (json.value("hrf_enabled", OrderedJson(false)) == true) {
    if (const auto strength = json.find("hrf_strength"); strength != json.end())
      said.lost("hrf_strength", text_of(*strength) + ", whose factor is not told,");
  }
  leave_out_adapter_tags(said);
  if (has_compel(json)) read_prompt_syntax(said);
  tell_what_differs(json, said);
  if (said.find("strength") != nullptr) said.started_from_picture("strength");
  said.lose_rest(json, kInvokeKeys);
  return std::move(said).done();
}

Recollection recall_old_invokeai(const OrderedJson& json) {
  Said said("InvokeAI");
  const OrderedJson& image = json.at("image");
  if (!image.is_object()) return std::move(said).done();
  // [{"prompt": "a [what it is not]", "weight": 1}]: what stands in brackets is the negative prompt.
  std::string words, negative;
  if (const auto prompt = image.find("prompt"); prompt != image.end()) {
    if (prompt->is_string()) words = prompt->get<std::string>();
    if (prompt->is_array())
      for (const OrderedJson& part : *prompt) {
        if (!part.is_object()) continue;
        words += (words.empty() ? "" : ", ") + string_at(part, "prompt");
        if (const auto weight = part.find("weight"); weight != part.end() && *weight != 1)
          said.lost("prompt", fmt::format("weight {} of {}", text_of(*weight), string_at(part, "prompt")));
      }
  }
  for (size_t open = words.find('['); open != words.npos; open = words.find('[', open)) {
    const size_t close = words.find(']', open);
    if (close == words.npos) break;
    negative += (negative.empty() ? "" : ", ") + words.substr(open + 1, close - open - 1);
    words.erase(open, close - open + 1);
  }
  if (const size_t last = words.find_last_not_of(", "); last != words.npos) words.resize(last + 1);
  if (!words.empty()) said.take("prompt", words, "prompt");
  if (!negative.empty()) said.take("negative_prompt", negative, "prompt");
  leave_out_adapter_tags(said);
  read_prompt_syntax(said);
  said.take_members(image, kOldKeys);
  said.take_sides(image);
  if (const std::string name = string_at(image, "sampler"); !name.empty()) said.take_sampler(name);
  said.default_schedule("flow_euler");
  if (said.find("strength") != nullptr) said.started_from_picture("strength");
  said.lose_rest(image, kOldKeys);
  return std::move(said).done();
}

}  // namespace newbie
