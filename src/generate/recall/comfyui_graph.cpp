#include "generate/recall/comfyui_graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "generate/json_text.h"

namespace newbie {

namespace {

constexpr int kMaxPassedOn = 64;  // a graph from a file may have rings

// The widgets of the editor's nodes have no names in older files: their order is the node's. Newer files name them
// among the inputs.
std::vector<std::string> widget_names(std::string_view type) {
  if (type == "KSampler") return {"seed", "steps", "cfg", "sampler_name", "scheduler", "denoise"};
  if (type == "KSamplerAdvanced")
    return {"add_noise",     "noise_seed",   "steps",
            "cfg",           "sampler_name", "scheduler",
            "start_at_step", "end_at_step",  "return_with_leftover_noise"};
  if (type == "SamplerCustom") return {"add_noise", "noise_seed", "cfg"};
  if (type == "RandomNoise") return {"noise_seed"};
  if (type == "KSamplerSelect") return {"sampler_name"};
  if (type == "BasicScheduler") return {"scheduler", "steps", "denoise"};
  if (type == "CFGGuider") return {"cfg"};
  if (type == "CLIPTextEncodeLumina2") return {"system_prompt", "user_prompt"};
  if (type == "CLIPTextEncode") return {"text"};
  if (type == "StringConcatenate") return {"string_a", "string_b", "delimiter"};
  if (type.starts_with("Primitive")) return {"value"};
  if (type == "LatentUpscaleBy" || type == "ImageScaleBy") return {"upscale_method", "scale_by"};
  if (type == "LatentUpscale" || type == "ImageScale") return {"upscale_method", "width", "height"};
  if (type == "LoadImage") return {"image"};
  if (type.starts_with("Empty")) return {"width", "height", "batch_size"};
  if (type.starts_with("ModelSampling")) return {"shift"};
  if (type == "RescaleCFG") return {"multiplier"};
  if (type == "RenormCFG") return {"cfg_trunc", "renorm_cfg"};
  if (type == "LoraLoader") return {"lora_name", "strength_model", "strength_clip"};
  if (type == "LoraLoaderModelOnly") return {"lora_name", "strength_model"};
  if (type == "CLIPSetLastLayer") return {"stop_at_clip_layer"};
  if (type == "LatentFromBatch" || type == "ImageFromBatch") return {"batch_index", "length"};
  if (type == "RepeatLatentBatch") return {"amount"};
  if (type == "UpscaleModelLoader") return {"model_name"};
  if (type == "DualCLIPLoader") return {"clip_name1", "clip_name2", "type"};
  if (type == "CLIPLoader") return {"clip_name", "type"};
  if (type == "CheckpointLoaderSimple") return {"ckpt_name"};
  if (type == "NewBieCLIPTextEncode") return {"user_prompt", "system_prompt", "use_chat_template"};
  if (type == "CR Text") return {"text"};
  if (type == "SetNode" || type == "GetNode") return {"name"};
  return {};
}

// Switches: the input that says which one, and the opening of the names of those, which a number follows.
struct SwitchType {
  std::string_view type, choice, inputs;
};
constexpr SwitchType kSwitches[] = {{"ImpactSwitch", "select", "input"},
                                    {"CR Text Input Switch", "Input", "text"},
                                    {"CR Text Input Switch (4 way)", "Input", "text"},
                                    {"CR Image Input Switch", "Input", "image"},
                                    {"CR Image Input Switch (4 way)", "Input", "image"},
                                    {"CR Latent Input Switch", "Input", "latent"},
                                    {"CR Conditioning Input Switch", "Input", "conditioning"},
                                    {"CR Clip Input Switch", "Input", "clip"},
                                    {"CR Model Input Switch", "Input", "model"}};

// What the editor does with a seed afterwards, a widget behind it that is no input.
bool is_control(const OrderedJson& value) {
  constexpr const char* kControls[] = {"fixed", "increment", "decrement", "randomize"};
  return std::ranges::any_of(kControls, [&](const char* word) { return value == word; });
}

bool passes_on(std::string_view type) {
  return type.starts_with("Reroute") || type == "(bypassed)" || type == "SetNode" || type == "GetNode";
}

const OrderedJson& array_at(const OrderedJson& object, const char* key) {
  static const OrderedJson kNone = OrderedJson::array();
  const auto it = object.is_object() ? object.find(key) : object.end();
  return it != object.end() && it->is_array() ? *it : kNone;
}

void read_widgets(const OrderedJson& entry, ComfyNode& node) {
  const auto widgets = entry.find("widgets_values");
  if (widgets == entry.end()) return;
  if (widgets->is_object()) {  // some nodes name theirs
    for (const auto& [key, value] : widgets->items())
      if (!node.links.contains(key)) node.values[key] = value;
    return;
  }
  if (!widgets->is_array()) return;
  std::vector<std::string> names = widget_names(node.type);
  if (names.empty())
    for (const OrderedJson& input : array_at(entry, "inputs"))
      if (input.is_object() && input.contains("widget")) names.push_back(string_at(input, "name"));
  if (names.empty())  // what nobody names has a place
    for (size_t i = 0; i < widgets->size(); ++i) node.values[fmt::format("widget {}", i)] = (*widgets)[i];
  size_t at = 0;
  for (const std::string& name : names) {
    if (at < widgets->size() && at > 0 && is_control((*widgets)[at])) ++at;
    if (at == widgets->size()) break;
    if (!node.links.contains(name)) node.values[name] = (*widgets)[at];
    ++at;
  }
}

}  // namespace

ComfyGraph ComfyGraph::of_prompt(const OrderedJson& json) {
  ComfyGraph out;
  if (!json.is_object()) return out;
  for (const auto& [id, entry] : json.items()) {
    if (!entry.is_object()) continue;
    ComfyNode node{.id = id, .type = string_at(entry, "class_type")};
    if (const auto inputs = entry.find("inputs"); inputs != entry.end() && inputs->is_object())
      for (const auto& [key, value] : inputs->items()) {
        if (value.is_array() && value.size() == 2 && value[0].is_string() && value[1].is_number_integer())
          node.links[key] = {value[0].get<std::string>(), value[1].get<int64_t>()};
        else
          node.values[key] = value;
      }
    out.nodes_[id] = std::move(node);
  }
  return out;
}

ComfyGraph ComfyGraph::of_workflow(const OrderedJson& json) {
  constexpr int kNever = 2, kBypass = 4;    // modes of a node
  std::map<std::string, ComfyLink> origin;  // of a link, by its id
  for (const OrderedJson& link : array_at(json, "links"))
    if (link.is_array() && link.size() >= 3)
      origin[link[0].dump()] = {link[1].dump(), link[2].is_number_integer() ? link[2].get<int64_t>() : 0};
  ComfyGraph out;
  for (const OrderedJson& entry : array_at(json, "nodes")) {
    if (!entry.is_object() || !entry.contains("id")) continue;
    const OrderedJson mode = entry.value("mode", OrderedJson(0));
    if (mode == kNever) continue;
    ComfyNode node{.id = entry["id"].dump(), .type = string_at(entry, "type")};
    if (mode == kBypass) node.type = "(bypassed)";
    for (const OrderedJson& input : array_at(entry, "inputs"))
      if (input.is_object() && input.contains("link"))
        if (const auto from = origin.find(input["link"].dump()); from != origin.end())
          node.links[string_at(input, "name")] = from->second;
    read_widgets(entry, node);
    out.nodes_[node.id] = std::move(node);
  }
  out.join_named_links();
  return out;
}

// A node "get" stands for what the node "set" of the same name is linked to.
void ComfyGraph::join_named_links() {
  std::map<OrderedJson, std::string> setters;
  for (const auto& [id, node] : nodes_)
    if (const OrderedJson* name = value(node, "name"); node.type == "SetNode" && name != nullptr) setters[*name] = id;
  for (auto& [id, node] : nodes_)
    if (const OrderedJson* name = value(node, "name"); node.type == "GetNode" && name != nullptr)
      if (const auto from = setters.find(*name); from != setters.end()) node.links["*"] = {from->second, 0};
}

std::string ComfyGraph::chosen_input(const ComfyNode& node) {
  for (const SwitchType& row : kSwitches)
    if (row.type == node.type)
      if (const OrderedJson* choice = value(node, row.choice); choice != nullptr && choice->is_number_integer())
        return std::string(row.inputs) + choice->dump();
  return {};
}

const ComfyNode* ComfyGraph::find(const std::string& id) const {
  const auto it = nodes_.find(id);
  return it == nodes_.end() ? nullptr : &it->second;
}

const ComfyNode* ComfyGraph::behind(const ComfyNode& node, std::string_view input, int64_t* slot) const {
  const ComfyNode* from = &node;
  std::string key(input);
  for (int hop = 0; hop < kMaxPassedOn; ++hop) {
    auto link = from->links.find(key);
    if (const std::string chosen = from == &node ? "" : chosen_input(*from); !chosen.empty())
      link = from->links.find(chosen);
    else if (link == from->links.end() && from != &node && !from->links.empty())
      link = from->links.begin();
    if (link == from->links.end()) return nullptr;
    const ComfyNode* to = find(link->second.node);
    if (to == nullptr) return nullptr;
    const std::string chosen = chosen_input(*to);
    if (!passes_on(to->type) && (chosen.empty() || !to->links.contains(chosen))) {
      if (slot != nullptr) *slot = link->second.slot;
      return to;
    }
    from = to;
  }
  return nullptr;
}

const ComfyNode* ComfyGraph::behind_any(const ComfyNode& node, std::span<const std::string_view> inputs) const {
  for (const std::string_view input : inputs)
    if (const ComfyNode* found = behind(node, input); found != nullptr) return found;
  return nullptr;
}

const OrderedJson* ComfyGraph::value(const ComfyNode& node, std::string_view key) {
  const auto it = node.values.find(key);
  return it == node.values.end() ? nullptr : &it->second;
}

}  // namespace newbie
