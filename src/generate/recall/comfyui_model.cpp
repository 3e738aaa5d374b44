#include "generate/recall/comfyui_model.h"

#include <algorithm>

#include "generate/json_text.h"
#include "generate/recall/adapter_tags.h"
#include "generate/recall/comfyui_rest.h"
#include "generate/recall/comfyui_text.h"

namespace newbie {

namespace {

// A loader of adapters: one adapter by its inputs, or several of numbered inputs. `strength` and `clip` may be missing.
struct AdapterLoader {
  std::string_view type, name, strength, clip, switched;
  bool is_numbered = false;
};
constexpr AdapterLoader kAdapterLoaders[] = {
    {"LoraLoader", "lora_name", "strength_model", "strength_clip", ""},
    {"LoraLoaderModelOnly", "lora_name", "strength_model", "", ""},
    {"LoraLoader|pysssss", "lora_name", "strength_model", "strength_clip", ""},
    {"CR Load LoRA", "lora_name", "strength_model", "strength_clip", "switch"},
    {"CR LoRA Stack", "lora_name_", "model_weight_", "clip_weight_", "switch_", true},
    {"Lora Loader Stack (rgthree)", "lora_0", "strength_0", "strength_0", "", true},
    {"NewbieLora", "lora_name", "strength", "strength", ""},
};

// Nodes whose number is a field of ours.
struct ModelNumber {
  std::string_view type, input;
  const char* field;
};
constexpr ModelNumber kModelNumbers[] = {
    {"ModelSamplingAuraFlow", "shift", "shift"}, {"ModelSamplingSD3", "shift", "shift"},
    {"ModelSamplingNewbie", "shift", "shift"},   {"RescaleCFG", "multiplier", "rescale_cfg"},
    {"RenormCFG", "cfg_trunc", "cfg_trunc"},     {"RenormCFG", "renorm_cfg", "renorm_cfg"}};

std::string adapter_name(ComfyReading& reading, const ComfyNode& node, const std::string& key) {
  const OrderedJson* found = reading.plain(node, key);
  if (found != nullptr && found->is_object()) return string_at(*found, "content");  // with a picture beside it
  return reading.word(node, key);
}

class AdapterReader {
 public:
  AdapterReader(ComfyReading& reading, const ComfyNode& node) : reading_(reading), node_(node) {}

  // False: no loader of adapters.
  bool run(std::vector<ComfyAdapter>& out) {
    for (const AdapterLoader& row : kAdapterLoaders)
      if (node_.type == row.type) return listed(row, out);
    if (node_.type == "Power Lora Loader (rgthree)") return powerful(out);
    if (node_.type == "LoraTagLoader") return tagged(reading_.word(node_, "text"), out);
    if (node_.type == "Lora Loader (LoraManager)") return managed(out);
    return false;
  }

 private:
  bool listed(const AdapterLoader& row, std::vector<ComfyAdapter>& out) {
    if (!row.is_numbered) {
      one(row, "", out);
      return true;
    }
    constexpr int kMost = 10;
    for (int i = 1; i <= kMost; ++i)
      if (const std::string number = std::to_string(i); node_.values.contains(std::string(row.name) + number))
        one(row, number, out);
    return true;
  }

  void one(const AdapterLoader& row, const std::string& number, std::vector<ComfyAdapter>& out) {
    const std::string name = adapter_name(reading_, node_, std::string(row.name) + number);
    const auto model = reading_.real(node_, std::string(row.strength) + number);
    const auto clip = row.clip.empty() ? std::optional(0.0) : reading_.real(node_, std::string(row.clip) + number);
    if (!row.switched.empty() && reading_.plain_word(node_, std::string(row.switched) + number) != "On") return;
    if (name.empty()) return reading_.said.lost("adapter", fmt::format("of {}, whose name is not told,", node_.type));
    if (!model && is_linked(std::string(row.strength) + number))
      return reading_.said.lost("adapter", fmt::format("{}, whose strength is not told,", name));
    out.push_back({name, model.value_or(1), clip.value_or(model.value_or(1))});
  }

  bool is_linked(const std::string& key) const { return node_.links.contains(key); }

  // "lora_1": {"on": true, "lora": …, "strength": 0.8, "strengthTwo": …}.
  bool powerful(std::vector<ComfyAdapter>& out) {
    for (const auto& [key, value] : node_.values) {
      reading_.plain(node_, key);
      if (!value.is_object() || !value.contains("lora") || value.value("on", OrderedJson(false)) != true) continue;
      const OrderedJson strength = value.value("strength", OrderedJson(1.0)),
                        clip = value.value("strengthTwo", OrderedJson());
      if (!strength.is_number()) continue;
      const auto model = strength.get<double>();
      out.push_back({string_at(value, "lora"), model, clip.is_number() ? clip.get<double>() : model});
    }
    return true;
  }

  // "<lora:ink:0.8>", read by what reads it in prompts.
  bool tagged(const std::string& text, std::vector<ComfyAdapter>& out) {
    for (const AdapterInTag& tag : adapters_in_tags(text, TagOrder::ModelFirst, reading_.said))
      out.push_back({tag.name, tag.model, tag.text_encoder.value_or(tag.model)});
    return true;
  }

  // "loras": [{"name": …, "strength": 0.8, "active": true}], perhaps in {"__value__": […]}; "text" repeats it.
  bool managed(std::vector<ComfyAdapter>& out) {
    const OrderedJson* list = reading_.plain(node_, "loras");
    reading_.plain(node_, "text");
    if (list != nullptr && list->is_object() && list->contains("__value__")) list = &(*list)["__value__"];
    if (list == nullptr || !list->is_array()) return false;
    for (const OrderedJson& one : *list) {
      if (!one.is_object() || one.value("active", OrderedJson(true)) == false) continue;
      const auto strength = [&](const char* key) -> std::optional<double> {
        const auto at = one.find(key);
        if (at == one.end()) return std::nullopt;
        return at->is_number() ? std::optional(at->get<double>()) : number_of(text_of(*at));
      };
      const double model = strength("strength").value_or(1);
      out.push_back({string_at(one, "name"), model, strength("clipStrength").value_or(model)});
    }
    return true;
  }

  ComfyReading& reading_;
  const ComfyNode& node_;
};

// A stack of adapters that a node puts into the model: the nodes it is made of, the first first.
std::vector<const ComfyNode*> stack_behind(const ComfyReading& reading, const ComfyNode& node) {
  std::vector<const ComfyNode*> out;
  const ComfyNode* from = reading.graph.behind(node, "lora_stack");
  for (int hop = 0; from != nullptr && hop < kMaxComfyHops; ++hop, from = reading.graph.behind(*from, "lora_stack"))
    out.insert(out.begin(), from);
  return out;
}

// The adapters of a node of the chain. False: it is no loader of some.
bool read_adapters(ComfyReading& reading, const ComfyNode& node, std::vector<ComfyAdapter>& out) {
  std::vector<const ComfyNode*> loaders{&node};
  if (node.type == "CR Apply LoRA Stack") {
    reading.understand(node);
    loaders = stack_behind(reading, node);
  }
  bool all = true;
  for (const ComfyNode* one : loaders) {
    if (AdapterReader(reading, *one).run(out))
      reading.understand(*one);
    else
      all = false;
  }
  return all;
}

bool read_numbers(ComfyReading& reading, const ComfyNode& node, ComfyModel& out) {
  bool any = false;
  for (const ModelNumber& row : kModelNumbers) {
    if (node.type != row.type) continue;
    any = true;
    if (const auto number = reading.number(node, row.input)) out.fields[row.field] = *number;  // the last counts
  }
  if (any) reading.understand(node);
  return any;
}

std::string adapter_words(const ComfyAdapter& adapter) { return fmt::format("{}:{}", adapter.name, adapter.model); }

// What a loader loads, in words: its type, and the file.
std::string loader_words(const ComfyNode* loader) {
  if (loader == nullptr) return "that is not told";
  for (const char* key : {"ckpt_name", "unet_name", "model_name", "model"})
    if (const OrderedJson* name = ComfyGraph::value(*loader, key)) return shortened(text_of(*name));
  return "of a node " + shortened(loader->type);
}

}  // namespace

ComfyChain comfy_chain(const ComfyReading& reading, const ComfyNode& user, std::string_view input) {
  ComfyChain out;
  const ComfyNode* node = reading.graph.behind(user, input);
  for (int hop = 0; node != nullptr && hop < kMaxComfyHops; ++hop) {
    const ComfyNode* next = reading.graph.behind(*node, input);
    if (next == nullptr) {
      out.loader = node;
      return out;
    }
    out.nodes.insert(out.nodes.begin(), node);
    node = next;
  }
  return out;
}

ComfyModel comfy_model(ComfyReading& reading, const ComfyChain& model, const ComfyChain& clip) {
  ComfyModel out{.loader = model.loader, .has_text_encoder = clip.loader != nullptr};
  const auto acts_on = [](const ComfyChain& chain, const ComfyNode* node) {
    return std::ranges::find(chain.nodes, node) != chain.nodes.end();
  };
  const auto read = [&](const ComfyNode* node) {
    std::vector<ComfyAdapter> adapters;
    if (!read_adapters(reading, *node, adapters)) return false;
    for (ComfyAdapter& one : adapters) {
      if (!acts_on(model, node)) one.model = 0;
      if (out.has_text_encoder && !acts_on(clip, node)) one.clip = 0;
      out.adapters.push_back(std::move(one));
    }
    return true;
  };
  for (const ComfyNode* node : model.nodes)
    if (!read(node) && !read_numbers(reading, *node, out))
      reading.tell(*node, fmt::format("a node {} acts on the model", shortened(node->type)));
  for (const ComfyNode* node : clip.nodes) {
    if (acts_on(model, node) || read(node)) continue;
    const OrderedJson* layer = reading.plain(*node, "stop_at_clip_layer");
    reading.tell(*node, fmt::format("a node {}{} acts on the text encoder", shortened(node->type),
                                    layer != nullptr ? ' ' + layer->dump() : ""));
  }
  // A node without a model of its own need not be a loader, or may be more than one.
  if (model.loader != nullptr && !is_neutral(*model.loader) && !read_numbers(reading, *model.loader, out))
    reading.tell(*model.loader, fmt::format("a node {} acts on the model", shortened(model.loader->type)));
  return out;
}

void take_model(ComfyReading& reading, const ComfyModel& model) {
  for (const auto& [field, value] : model.fields) reading.said.take_json(field, value, field);
  for (const ComfyAdapter& one : model.adapters)
    reading.said.take_adapter(one.name, one.model, model.has_text_encoder ? std::optional(one.clip) : std::nullopt);
}

void tell_model_differences(ComfyReading& reading, const ComfyModel& first, const ComfyModel& other,
                            std::string_view pass) {
  const auto holds = [](const ComfyModel& model, const ComfyAdapter& adapter) {
    return std::ranges::find(model.adapters, adapter) != model.adapters.end();
  };
  for (const ComfyAdapter& one : other.adapters)
    if (!holds(first, one))
      reading.said.note(
          fmt::format("adapter {} of the {}: it draws with those of the first here", adapter_words(one), pass));
  for (const ComfyAdapter& one : first.adapters)
    if (!holds(other, one))
      reading.said.note(fmt::format("adapter {} is not of the {}, where it acts here, too", adapter_words(one), pass));
  for (const auto& [field, value] : other.fields)
    if (const auto at = first.fields.find(field); at == first.fields.end() || at->second != value)
      reading.said.note(fmt::format("{} {} of the {}: it has that of the first here", field, value.dump(), pass));
  if (loader_words(first.loader) != loader_words(other.loader))
    reading.said.note(
        fmt::format("the {} had another model, {}: one draws all here", pass, loader_words(other.loader)));
}

}  // namespace newbie
