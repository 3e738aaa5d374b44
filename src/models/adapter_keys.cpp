#include "models/adapter_keys.h"

#include "models/adapter_key.h"
#include "models/key_text.h"

namespace newbie {

namespace {

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

struct Kinds {
  bool lora = false, lokr = false, loha = false, difference = false;

  std::string words() const {
    std::string out;
    for (const auto& [is, word] : {std::pair{lora, "LoRA"}, std::pair{lokr, "LoKr"}, std::pair{loha, "LoHa"},
                                   std::pair{difference, "whole differences"}})
      if (is) out += (out.empty() ? "" : " and ") + std::string(word);
    return out.empty() ? "LoRA" : out;
  }
};

void count_factor(AdapterKeys& result, Kinds& kinds, AdapterRole role, const std::vector<int64_t>& shape) {
  using enum AdapterRole;
  switch (role) {
    case Down:
      if (!shape.empty()) result.ranks.insert(shape.front());
      [[fallthrough]];
    case Up:
    case Middle:
    case UpBias: kinds.lora = true; break;
    case Kronecker1A:
    case Kronecker2A:
      if (!shape.empty()) result.ranks.insert(shape.back());
      [[fallthrough]];
    case Kronecker1:
    case Kronecker1B:
    case Kronecker2B: kinds.lokr = true; break;
    case Kronecker2:
      kinds.lokr = true;
      ++result.full_matrices;
      break;
    case Hadamard1B:
      if (!shape.empty()) result.ranks.insert(shape.front());
      [[fallthrough]];
    case Hadamard1A:
    case Hadamard2A:
    case Hadamard2B: kinds.loha = true; break;
    case Difference:
    case BiasDifference:
    case NewWeight:
    case NewBias: kinds.difference = true; break;
    case Magnitude:
    case Alpha:
    case Unread: break;
  }
}

}  // namespace

AdapterKeys adapter_keys(const HeaderShapes& header) {
  AdapterKeys result;
  std::set<std::string_view> namings;
  std::set<std::string> modules;
  Kinds kinds;
  for (const auto& [key, shape] : header) {
    const auto parsed = parse_adapter_key(key);
    if (!parsed || parsed->role == AdapterRole::Unread) {
      result.unknown.push_back(key);
      continue;
    }
    if (parsed->role == AdapterRole::Alpha) {
      result.alpha_keys.push_back(key);
      continue;
    }
    count_factor(result, kinds, parsed->role, shape);
    std::string_view module = parsed->module, naming = "bare module names";
    for (const AdapterPrefix& prefix : adapter_prefixes())
      if (const auto rest = strip_prefix(module, prefix.text)) {
        naming = prefix.naming;
        module = *rest;
        break;
      }
    namings.insert(naming);
    if (modules.emplace(module).second) ++result.targets[without_layer(module)];
  }
  result.modules = modules.size();
  result.type = kinds.words();
  for (const std::string_view naming : namings)
    result.naming += (result.naming.empty() ? "" : ", ") + std::string(naming);
  return result;
}

}  // namespace newbie
