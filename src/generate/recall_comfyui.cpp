#include "generate/recall_comfyui.h"

#include <algorithm>
#include <map>

#include "core/json.h"
#include "diffusion/registry.h"
#include "diffusion/schedules.h"
#include "generate/json_text.h"

namespace newbie {

namespace {

// Both forms of a graph as one: a node has a type, plain values, and links to other nodes by input name.
struct ComfyNode {
  std::string type;
  std::map<std::string, OrderedJson> values;
  std::map<std::string, std::string> links;
};
using ComfyNodes = std::map<std::string, ComfyNode>;

constexpr int kMaxHops = 32;  // a graph from a file may have rings

const ComfyNode* linked(const ComfyNodes& nodes, const ComfyNode& from, const std::string& input) {
  const auto link = from.links.find(input);
  if (link == from.links.end()) return nullptr;
  const auto it = nodes.find(link->second);
  return it == nodes.end() ? nullptr : &it->second;
}

// The first text up the links from a conditioning input.
std::optional<std::string> prompt_behind(const ComfyNodes& nodes, const ComfyNode* node) {
  constexpr const char* kTexts[] = {"text", "prompt", "user_prompt", "string", "value"};
  constexpr const char* kUpwards[] = {"text", "prompt", "user_prompt", "conditioning", "positive", "string"};
  for (int hop = 0; node != nullptr && hop < kMaxHops; ++hop) {
    for (const char* key : kTexts)
      if (const auto it = node->values.find(key); it != node->values.end() && it->second.is_string())
        return it->second.get<std::string>();
    const ComfyNode* next = nullptr;
    for (const char* key : kUpwards)
      if (next = linked(nodes, *node, key); next != nullptr) break;
    node = next;
  }
  return std::nullopt;
}

Recollection read_graph(const ComfyNodes& nodes, const char* source, std::string_view where) {
  Recollection out{.source = source};
  const auto sampler = std::ranges::find_if(nodes, [](const auto& entry) {
    return entry.second.type.starts_with("KSampler") && entry.second.links.contains("positive");
  });
  if (sampler == nodes.end()) {
    out.notes.push_back(fmt::format("{}: the ComfyUI graph has no KSampler with a prompt", where));
    return out;
  }
  const ComfyNode& k = sampler->second;
  const auto take = [&](const ComfyNode& node, const char* key, const char* field) {
    if (const auto it = node.values.find(key); it != node.values.end() && it->second.is_number())
      out.fields.emplace_back(field, text_of(it->second));
  };
  take(k, "seed", "seed");
  take(k, "noise_seed", "seed");
  take(k, "steps", "steps");
  take(k, "cfg", "cfg");
  if (const auto it = k.values.find("sampler_name"); it != k.values.end()) take_sampler(text_of(it->second), out);
  if (const auto it = k.values.find("scheduler"); it != k.values.end()) take_schedule(text_of(it->second), out);
  if (const auto it = k.values.find("denoise"); it != k.values.end() && it->second.is_number() && it->second != 1) {
    take(k, "denoise", "strength");
    out.fields.emplace_back("strength_rule", "comfyui");
  }
  if (const auto text = prompt_behind(nodes, linked(nodes, k, "positive"))) {
    out.fields.emplace_back("prompt", *text);
    // ComfyUI's own nodes have the whole text in one field and give it to both encoders.
    out.fields.emplace_back("system_prompt", "none");
    out.fields.emplace_back("routing", "comfyui");
  }
  if (const auto text = prompt_behind(nodes, linked(nodes, k, "negative")))
    out.fields.emplace_back("negative_prompt", *text);
  if (const ComfyNode* latent = linked(nodes, k, "latent_image");
      latent && latent->type.find("Empty") != std::string::npos) {
    take(*latent, "width", "width");
    take(*latent, "height", "height");
  }
  const ComfyNode* model = linked(nodes, k, "model");
  for (int hop = 0; model != nullptr && hop < kMaxHops; ++hop, model = linked(nodes, *model, "model")) {
    if (model->type.starts_with("ModelSampling")) take(*model, "shift", "shift");
    if (model->type == "RescaleCFG") take(*model, "multiplier", "rescale_cfg");
    if (model->type == "RenormCFG") {
      take(*model, "cfg_trunc", "cfg_trunc");
      take(*model, "renorm_cfg", "renorm_cfg");
    }
    if (model->type.find("Lora") != std::string::npos) out.notes.push_back("a LoRA was used: " + model->type);
  }
  return out;
}

// The widgets of the editor's nodes have no names in the file: their order is the node's.
std::vector<const char*> widget_names(std::string_view type) {
  if (type == "KSampler") return {"seed", "", "steps", "cfg", "sampler_name", "scheduler", "denoise"};
  if (type == "KSamplerAdvanced") return {"", "noise_seed", "", "steps", "cfg", "sampler_name", "scheduler"};
  if (type == "CLIPTextEncode" || type.starts_with("PrimitiveString"))
    return {type == "CLIPTextEncode" ? "text" : "value"};
  if (type.starts_with("Empty")) return {"width", "height"};
  if (type.starts_with("ModelSampling")) return {"shift"};
  if (type == "RescaleCFG") return {"multiplier"};
  if (type == "RenormCFG") return {"cfg_trunc", "renorm_cfg"};
  return {};
}

}  // namespace

void take_sampler(const std::string& name, Recollection& out) {
  if (const std::string_view ours = our_sampler_name(name); !ours.empty())
    return void(out.fields.emplace_back("sampler", ours));
  out.notes.push_back(fmt::format("sampler {} is not one of ours", name));
}

void take_schedule(const std::string& name, Recollection& out) {
  std::string plain = name;
  for (char& c : plain) c = c == ' ' ? '_' : c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  for (const Schedule& known : schedules())
    if (known.name == plain) return void(out.fields.emplace_back("schedule", plain));
  if (plain != "automatic") out.notes.push_back(fmt::format("scheduler {} is not one of ours", name));
}

Recollection recall_comfyui_prompt(std::string_view text, std::string_view where) {
  const OrderedJson graph = parse_ordered_json(text, fmt::format("{}: ComfyUI prompt", where));
  ComfyNodes nodes;
  if (graph.is_object())
    for (const auto& [id, entry] : graph.items()) {
      if (!entry.is_object()) continue;
      ComfyNode node{.type = string_at(entry, "class_type")};
      if (const auto inputs = entry.find("inputs"); inputs != entry.end() && inputs->is_object())
        for (const auto& [key, value] : inputs->items()) {
          if (value.is_array() && value.size() == 2 && value[0].is_string())
            node.links[key] = value[0].get<std::string>();
          else
            node.values[key] = value;
        }
      nodes[id] = std::move(node);
    }
  return read_graph(nodes, "prompt", where);
}

Recollection recall_comfyui_workflow(std::string_view text, std::string_view where) {
  const OrderedJson graph = parse_ordered_json(text, fmt::format("{}: ComfyUI workflow", where));
  const auto list = [](const OrderedJson& object, const char* key) {
    const auto it = object.is_object() ? object.find(key) : object.end();
    return it != object.end() && it->is_array() ? *it : OrderedJson::array();
  };
  std::map<std::string, std::string> origin;  // link -> node it comes from
  for (const OrderedJson& link : list(graph, "links"))
    if (link.is_array() && link.size() >= 2) origin[link[0].dump()] = link[1].dump();
  ComfyNodes nodes;
  for (const OrderedJson& entry : list(graph, "nodes")) {
    if (!entry.is_object() || !entry.contains("id")) continue;
    ComfyNode node{.type = string_at(entry, "type")};
    for (const OrderedJson& input : list(entry, "inputs"))
      if (input.is_object() && input.contains("link"))
        if (const auto from = origin.find(input["link"].dump()); from != origin.end())
          node.links[string_at(input, "name")] = from->second;
    const OrderedJson widgets = list(entry, "widgets_values");
    const std::vector<const char*> names = widget_names(node.type);
    for (size_t i = 0; i < std::min(names.size(), widgets.size()); ++i)
      if (*names[i] != '\0' && !node.links.contains(names[i])) node.values[names[i]] = widgets[i];
    nodes[entry["id"].dump()] = std::move(node);
  }
  return read_graph(nodes, "workflow", where);
}

}  // namespace newbie
