#include "models/adapter_keys.h"

#include <algorithm>

#include "models/key_text.h"

namespace newbie {

namespace {

struct Prefix {
  std::string_view text, naming;
};

// Longer ones first.
constexpr Prefix kPrefixes[] = {
    {"unet.base_model.model.", "PEFT below unet (unet.base_model.model.…)"},
    {"base_model.model.", "PEFT (base_model.model.…)"},
    {"diffusion_model.", "ComfyUI (diffusion_model.…)"},
    {"transformer.", "diffusers (transformer.…)"},
    {"lora_unet_", "kohya (lora_unet_…)"},
    {"lycoris_", "LyCORIS (lycoris_…)"},
    {"", "bare module names"},
};

enum class Role { LowRankRows, LowRankColumns, FullKronecker, OtherFactor, Alpha };
struct Ending {
  std::string_view text;
  Role role;
  bool lokr;
};

// LowRankRows: the rank is axis 0; LowRankColumns: it is the last axis.
constexpr Ending kEndings[] = {
    {".lora_A.weight", Role::LowRankRows, false},
    {".lora_A.default.weight", Role::LowRankRows, false},
    {".lora_down.weight", Role::LowRankRows, false},
    {".lora_B.weight", Role::OtherFactor, false},
    {".lora_B.default.weight", Role::OtherFactor, false},
    {".lora_up.weight", Role::OtherFactor, false},
    {".dora_scale", Role::OtherFactor, false},
    {".lokr_w1", Role::OtherFactor, true},
    {".lokr_w1_a", Role::LowRankColumns, true},
    {".lokr_w1_b", Role::OtherFactor, true},
    {".lokr_w2", Role::FullKronecker, true},
    {".lokr_w2_a", Role::LowRankColumns, true},
    {".lokr_w2_b", Role::OtherFactor, true},
    {".alpha", Role::Alpha, false},
};

// "layers.12.attention.qkv" and "layers_12_attention_qkv" without the stack and its number.
std::string without_layer(std::string_view module) {
  for (const std::string_view stack : {"noise_refiner", "context_refiner", "layers"}) {
    auto rest = strip_prefix(module, stack);
    if (!rest || rest->size() < 2 || (rest->front() != '.' && rest->front() != '_')) continue;
    const size_t end = rest->find_first_not_of("0123456789", 1);
    if (end != std::string_view::npos && end > 1) return std::string(rest->substr(end + 1));
  }
  return std::string(module);
}

}  // namespace

AdapterKeys adapter_keys(const HeaderShapes& header) {
  AdapterKeys result;
  std::set<std::string_view> namings;
  std::set<std::string> modules;
  bool lora = false, lokr = false;
  for (const auto& [key, shape] : header) {
    const auto* ending = std::find_if(std::begin(kEndings), std::end(kEndings),
                                      [&key = key](const Ending& e) { return key.ends_with(e.text); });
    if (ending == std::end(kEndings)) {
      result.unknown.push_back(key);
      continue;
    }
    if (ending->role == Role::Alpha) {
      result.alpha_keys.push_back(key);
      continue;
    }
    (ending->lokr ? lokr : lora) = true;
    if (ending->role == Role::LowRankRows && !shape.empty()) result.ranks.insert(shape.front());
    if (ending->role == Role::LowRankColumns && !shape.empty()) result.ranks.insert(shape.back());
    if (ending->role == Role::FullKronecker) ++result.full_matrices;
    std::string_view module = std::string_view(key).substr(0, key.size() - ending->text.size());
    for (const Prefix& prefix : kPrefixes)
      if (const auto rest = strip_prefix(module, prefix.text)) {
        namings.insert(prefix.naming);
        module = *rest;
        break;
      }
    if (modules.emplace(module).second) ++result.targets[without_layer(module)];
  }
  result.modules = modules.size();
  result.type = lora && lokr ? "LoRA and LoKr" : lokr ? "LoKr" : "LoRA";
  for (const std::string_view naming : namings)
    result.naming += (result.naming.empty() ? "" : ", ") + std::string(naming);
  return result;
}

}  // namespace newbie
