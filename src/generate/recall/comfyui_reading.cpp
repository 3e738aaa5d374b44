#include "generate/recall/comfyui_reading.h"

#include <algorithm>

#include "generate/json_text.h"
#include "generate/recall/comfyui_size.h"
#include "generate/recall/comfyui_text.h"

namespace newbie {

namespace {

// Nodes that hold one number, and by which input.
constexpr std::pair<std::string_view, std::string_view> kNumberNodes[] = {{"PrimitiveInt", "value"},
                                                                          {"PrimitiveFloat", "value"},
                                                                          {"PrimitiveNode", "value"},
                                                                          {"INTConstant", "value"},
                                                                          {"FloatConstant", "value"},
                                                                          {"Seed (rgthree)", "seed"},
                                                                          {"easy seed", "seed"},
                                                                          {"easy int", "value"},
                                                                          {"easy float", "value"},
                                                                          {"CR Seed", "seed"},
                                                                          {"Seed", "seed"},
                                                                          {"Seed Generator", "seed"},
                                                                          {"Int Literal", "int"},
                                                                          {"Float Literal", "float"},
                                                                          {"ImpactInt", "value"},
                                                                          {"ImpactFloat", "value"},
                                                                          {"JWInteger", "value"},
                                                                          {"JWFloat", "value"},
                                                                          {"SimpleMathInt+", "value"},
                                                                          {"SimpleMathFloat+", "value"},
                                                                          {"ttN int", "int"},
                                                                          {"ttN float", "float"},
                                                                          {"ttN seed", "seed"},
                                                                          {"Primitive integer [Crystools]", "int"},
                                                                          {"Primitive float [Crystools]", "float"}};

// Of a node that is not known: its number, if it has nothing else, and that is called a value.
const OrderedJson* only_number(const ComfyNode& node, std::string_view wanted) {
  constexpr std::string_view kValueNames[] = {"value", "Value", "number", "Number", "int", "float", "seed"};
  if (!node.links.empty() || node.values.size() != 1) return nullptr;
  const auto& [key, value] = *node.values.begin();
  const bool is_value = key == wanted || std::ranges::find(kValueNames, key) != std::end(kValueNames);
  return is_value && value.is_number() ? &value : nullptr;
}

}  // namespace

const OrderedJson* ComfyReading::plain(const ComfyNode& node, std::string_view key) {
  read_.emplace(&node, std::string(key));
  return ComfyGraph::value(node, key);
}

std::string ComfyReading::plain_word(const ComfyNode& node, std::string_view key) {
  const OrderedJson* found = plain(node, key);
  return found != nullptr && found->is_string() ? found->get<std::string>() : "";
}

std::optional<OrderedJson> ComfyReading::number(const ComfyNode& node, std::string_view key) {
  if (const OrderedJson* found = plain(node, key)) {
    if (found->is_number()) return *found;
    if (!found->is_string()) return std::nullopt;
    if (const auto written = number_of(found->get_ref<const std::string&>())) return OrderedJson(*written);
    said.lost(fmt::format("{} {}", shortened(node.type), key), found->get_ref<const std::string&>());
    return std::nullopt;
  }
  int64_t slot = 0;
  const ComfyNode* from = graph.behind(node, key, &slot);
  if (from == nullptr) return std::nullopt;
  const auto known = std::ranges::find(kNumberNodes, std::string_view(from->type), [](auto& row) { return row.first; });
  if (known != std::end(kNumberNodes)) {
    understand(*from);
    if (const OrderedJson* found = plain(*from, known->second); found != nullptr && found->is_number()) return *found;
  }
  if (const auto side = comfy_side(*this, *from, slot)) return OrderedJson(*side);
  if (const OrderedJson* found = only_number(*from, key)) {
    tell(*from,
         fmt::format("{} {} is taken from a node {}, which is not known", key, found->dump(), shortened(from->type)));
    return *found;
  }
  tell(*from, fmt::format("{} comes from a node {}", key, shortened(from->type)));
  return std::nullopt;
}

std::optional<double> ComfyReading::real(const ComfyNode& node, std::string_view key) {
  const std::optional<OrderedJson> found = number(node, key);
  return found ? std::optional(found->get<double>()) : std::nullopt;
}

std::string ComfyReading::word(const ComfyNode& node, std::string_view key) {
  if (const OrderedJson* found = plain(node, key)) return found->is_string() ? found->get<std::string>() : "";
  const ComfyNode* from = graph.behind(node, key);
  if (from == nullptr) return {};
  // A node for settings has them by the names of the sampler's.
  if (const OrderedJson* found = ComfyGraph::value(*from, key); found != nullptr && found->is_string()) {
    tell(*from, fmt::format("{} {} is taken from a node {}, which is not known", key,
                            shortened(found->get_ref<const std::string&>()), shortened(from->type)));
    return *found;
  }
  return comfy_text(*this, node, key).value_or("");
}

void ComfyReading::take(std::string_view field, const ComfyNode& node, std::string_view key) {
  if (const auto found = number(node, key)) said.take_json(field, *found, key);
}

void ComfyReading::tell(const ComfyNode& node, std::string note) {
  told_.insert(&node);
  said.note(std::move(note));
}

}  // namespace newbie
