#include "adapters/module_index.h"

#include <algorithm>
#include <array>

#include "core/edit_distance.h"
#include "models/adapter_key.h"
#include "models/key_text.h"
#include "models/next_dit/names.h"

namespace newbie {

namespace {

constexpr std::string_view kMatrixEnding = ".weight";
constexpr int kMostPrefixes = 4;
constexpr size_t kLongestCompared = 200;

struct Spelling {
  std::string_view native, other;  // endings of module names
};
// Beside what whole checkpoints use (models/next_dit/names.h): diffusers' older form, Lumina's own code, fused forms.
constexpr Spelling kMoreSpellings[] = {{"attention.out", "attn.to_out"},     {"attention.out", "attention.to_out"},
                                       {"attention.out", "attention.wo"},    {"attention.out", "attn.out"},
                                       {"attention.qkv", "attn.qkv"},        {"attention.qkv", "attn.to_qkv"},
                                       {"attention.qkv", "attention.to_qkv"}};
constexpr std::array<std::string_view, 3> kMoreThirds[] = {{"attention.wq", "attention.wk", "attention.wv"}};

struct FusedSpelling {
  std::string_view fused;
  std::vector<std::string_view> parts;
};
const FusedSpelling kFusedInEncoder[] = {
    {"self_attn.qkv_proj", {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"}},
    {"mlp.gate_up_proj", {"mlp.gate_proj", "mlp.up_proj"}}};

std::string with_underscores(std::string name) {
  std::ranges::replace(name, '.', '_');
  return name;
}

std::optional<std::string> replaced_ending(std::string_view name, std::string_view from, std::string_view to) {
  if (!name.ends_with(from) || name.size() == from.size() || name[name.size() - from.size() - 1] != '.')
    return std::nullopt;
  return std::string(name.substr(0, name.size() - from.size())) + std::string(to);
}

bool fits(AdapterPrefix::Of of, AdapterPart part) {
  return of == AdapterPrefix::Of::Any ||
         of == (part == AdapterPart::Transformer ? AdapterPrefix::Of::Transformer : AdapterPrefix::Of::TextEncoder);
}

// Calls visit(rest, excludes) for a name and for what is behind any chain of prefixes, until it says true.
struct Allowed {
  bool transformer = true, text_encoder = true;
};
template <typename Visit>
bool behind_prefixes(std::string_view name, Allowed allowed, int depth, const Visit& visit) {
  if (visit(name, allowed)) return true;
  if (depth == 0) return false;
  for (const AdapterPrefix& prefix : adapter_prefixes()) {
    const auto rest = strip_prefix(name, prefix.text);
    if (!rest || rest->empty()) continue;
    const Allowed narrowed{allowed.transformer && fits(prefix.part, AdapterPart::Transformer),
                           allowed.text_encoder && fits(prefix.part, AdapterPart::TextEncoder)};
    if (behind_prefixes(*rest, narrowed, depth - 1, visit)) return true;
  }
  return false;
}

}  // namespace

ModuleIndex::ModuleIndex(const AdapterBase& base) : base_(base) {
  add_transformer();
  add_text_encoder();
}

void ModuleIndex::add(AdapterPart part, const std::string& name, std::vector<ModuleRows> pieces) {
  names(part).emplace(with_underscores(name), pieces);
  names(part).emplace(name, std::move(pieces));
}

void ModuleIndex::add_transformer() {
  const std::array<int64_t, 4> cuts{0, base_.q_rows, base_.q_rows + base_.kv_rows, base_.q_rows + 2 * base_.kv_rows};
  for (const auto& [weight, shape] : base_.transformer) {
    if (!weight.ends_with(kMatrixEnding) || shape.rank() < 1) continue;
    const std::string module = weight.substr(0, weight.size() - kMatrixEnding.size());
    const ModuleRows all{AdapterPart::Transformer, module, 0, shape[0]};
    const auto third = [&](size_t i) {
      return ModuleRows{AdapterPart::Transformer, module, cuts[i], cuts[i + 1] - cuts[i]};
    };
    add(all.part, module, {all});
    for (const NextDitName& other : next_dit_other_names(weight)) {
      const std::string name = other.name.substr(0, other.name.size() - kMatrixEnding.size());
      add(all.part, name, {other.third ? third(*other.third) : all});
    }
    for (const Spelling& spelling : kMoreSpellings)
      if (const auto name = replaced_ending(module, spelling.native, spelling.other)) add(all.part, *name, {all});
    for (const auto& thirds : kMoreThirds)
      for (size_t i = 0; i < thirds.size(); ++i)
        if (const auto name = replaced_ending(module, "attention.qkv", thirds[i])) add(all.part, *name, {third(i)});
  }
}

void ModuleIndex::add_text_encoder() {
  for (const auto& [weight, shape] : base_.text_encoder) {
    if (!weight.ends_with(kMatrixEnding) || shape.rank() < 1) continue;
    const std::string module = weight.substr(0, weight.size() - kMatrixEnding.size());
    add(AdapterPart::TextEncoder, module, {{AdapterPart::TextEncoder, module, 0, shape[0]}});
    for (const FusedSpelling& fused : kFusedInEncoder) {
      const auto name = replaced_ending(module, fused.parts.front(), fused.fused);
      if (!name) continue;
      std::vector<ModuleRows> pieces;
      for (const std::string_view part : fused.parts) {
        const std::string other = *replaced_ending(module, fused.parts.front(), part);
        const auto found = base_.text_encoder.find(other + std::string(kMatrixEnding));
        if (found != base_.text_encoder.end()) pieces.push_back({AdapterPart::TextEncoder, other, 0, found->second[0]});
      }
      if (pieces.size() == fused.parts.size()) add(AdapterPart::TextEncoder, *name, std::move(pieces));
    }
  }
}

std::optional<FoundModule> ModuleIndex::find(std::string_view spelled) const {
  std::optional<FoundModule> found;
  behind_prefixes(spelled, {}, kMostPrefixes, [&](std::string_view name, Allowed allowed) {
    for (const auto& [is_allowed, known] :
         {std::pair{allowed.transformer, &transformer_}, std::pair{allowed.text_encoder, &text_encoder_}}) {
      if (!is_allowed) continue;
      if (const auto at = known->find(name); at != known->end()) {
        found = FoundModule{at->second, std::string(name)};
        return true;
      }
    }
    return false;
  });
  return found;
}

std::string ModuleIndex::resemblance(std::string_view spelled) const {
  for (const AdapterPrefix& prefix : adapter_prefixes())
    if (prefix.part == AdapterPrefix::Of::Clip && spelled.starts_with(prefix.text))
      return "a module of the second text encoder (Jina CLIP), which adapters do not change here";

  std::string_view nearest, compared;
  size_t least = kLongestCompared;
  std::string_view shortest = spelled;  // behind its prefixes
  behind_prefixes(spelled, {}, kMostPrefixes, [&](std::string_view name, Allowed) {
    if (name.size() < shortest.size()) shortest = name;
    return false;
  });
  for (const Names* known : {&transformer_, &text_encoder_})
    for (const auto& [name, pieces] : *known)
      if (const size_t distance = edit_distance(shortest.substr(0, kLongestCompared), name); distance < least) {
        least = distance;
        nearest = name;
        compared = shortest;
      }
  if (nearest.empty() || least > 3 + compared.size() / 5) return {};
  return fmt::format("the nearest of this model is {}", nearest);
}

}  // namespace newbie
