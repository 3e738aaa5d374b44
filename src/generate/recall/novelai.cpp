// NovelAI: the JSON of its "Comment". Version 4 has captions of characters, too.
#include "generate/json_text.h"
#include "generate/recall/adapter_tags.h"
#include "generate/recall/programs.h"
#include "generate/recall/said.h"
#include "generate/recall/their_syntax.h"

namespace newbie {

namespace {

// The rest of its keys changes no picture here, or says again what these say.
constexpr TheirKey kNovelKeys[] = {{"prompt", "prompt"},
                                   {"uc", "negative_prompt"},
                                   {"seed", "seed"},
                                   {"steps", "steps"},
                                   {"scale", "cfg"},
                                   {"cfg_rescale", "rescale_cfg"},
                                   {"strength", "strength"},
                                   {"width"},
                                   {"height"},
                                   {"sampler"},
                                   {"noise_schedule"},
                                   {"v4_prompt"},
                                   {"v4_negative_prompt"},
                                   {"uncond_scale"},
                                   {"n_samples"},
                                   {"request_type"},
                                   {"signed_hash"},
                                   {"version"},
                                   {"params_version"},
                                   {"extra_noise_seed"},
                                   {"legacy"},
                                   {"legacy_uc"},
                                   {"legacy_v3_extend"},
                                   {"add_original_image"},
                                   {"deliberate_euler_ancestral_bug"},
                                   {"prefer_brownian"},
                                   {"stream"},
                                   {"dynamic_thresholding_percentile"},
                                   {"dynamic_thresholding_mimic_scale"},
                                   {"controlnet_strength"},
                                   {"hide_debug_overlay"},
                                   {"uncond_per_vibe"},
                                   {"wonky_vibe_correlation"}};

// {"caption": {"base_caption": …, "char_captions": [{"char_caption": …}]}}: the characters' behind the scene's.
std::string v4_caption(const OrderedJson& json, const char* key) {
  std::string out;
  const auto prompt = json.find(key);
  if (prompt == json.end() || !prompt->is_object()) return out;
  const auto caption = prompt->find("caption");
  if (caption == prompt->end() || !caption->is_object()) return out;
  out = string_at(*caption, "base_caption");
  if (const auto all = caption->find("char_captions"); all != caption->end() && all->is_array())
    for (const OrderedJson& one : *all)
      if (one.is_object())
        if (const std::string words = string_at(one, "char_caption"); !words.empty())
          out += (out.empty() ? "" : ", ") + words;
  return out;
}

// Each character has its place in the picture, if its author switched that on.
bool has_places(const OrderedJson& json) {
  const auto v4 = json.find("v4_prompt");
  return v4 != json.end() && v4->is_object() && v4->value("use_coords", OrderedJson(false)) == true;
}

}  // namespace

Recollection recall_novelai(const OrderedJson& json) {
  Said said("NovelAI");
  for (const auto& [key, field] : {std::pair{"v4_prompt", "prompt"}, {"v4_negative_prompt", "negative_prompt"}})
    if (const std::string words = v4_caption(json, key); !words.empty()) said.take(field, words, key);
  said.take_members(json, kNovelKeys);
  said.take_sides(json);
  if (const std::string name = string_at(json, "sampler"); !name.empty()) said.take_sampler(name);
  if (const std::string name = string_at(json, "noise_schedule"); !name.empty())
    said.take_schedule(name == "native" ? "normal" : name);
  said.default_schedule("normal");
  leave_out_adapter_tags(said);
  tell_syntax(said, SyntaxOf::NovelAi);
  said.rewrite_weights(json.contains("v4_prompt") ? BracketRule::NovelAi4 : BracketRule::NovelAi);
  if (has_places(json)) said.lost("use_coords", "where characters stand");
  if (said.find("strength") != nullptr) said.started_from_picture("strength");
  if (const auto scale = json.find("uncond_scale"); scale != json.end() && *scale != 1 && *scale != 0)
    said.lost("uncond_scale", text_of(*scale));
  said.lose_rest(json, kNovelKeys);
  return std::move(said).done();
}

}  // namespace newbie
