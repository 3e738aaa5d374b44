// What a ComfyUI graph says of a picture: the sampler that made it, and what is linked to it.
#include <algorithm>
#include <deque>
#include <set>

#include "generate/json_text.h"
#include "generate/recall/comfyui_graph.h"
#include "generate/recall/programs.h"
#include "generate/recall/said.h"
#include "text/system_prompts.h"

namespace newbie {

namespace {

constexpr int kMaxHops = 64;         // a graph from a file may have rings
constexpr int kMaxTextNodes = 1000;  // visits while a text is put together
constexpr size_t kMaxTextBytes = size_t{1} << 20;

// The nodes of an image's way to the sampler, and to the picture it starts from.
constexpr std::string_view kLatentInputs[] = {"latent_image", "samples", "latent",   "pixels",
                                              "image",        "images",  "samples1", "optional_latent"};
constexpr std::string_view kTextInputs[] = {"text",  "prompt",   "user_prompt",   "string",
                                            "value", "positive", "populated_text"};

bool mentions(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

bool is_sampler(const ComfyNode& node) {
  if (node.type == "SamplerCustomAdvanced") return node.links.contains("guider");
  return node.links.contains("positive") && (node.links.contains("latent_image") || node.type.starts_with("KSampler"));
}

// What ComfyUI's Lumina2 node puts before a prompt, by the names of its list.
std::string lumina_system_prompt(std::string_view name) {
  for (const NamedSystemPrompt& known : system_prompts())
    if (known.name == "demo-" + std::string(name)) return std::string(known.text) + " <Prompt Start> ";
  return {};
}

class GraphReader {
 public:
  GraphReader(const ComfyGraph& graph, std::string source) : graph_(graph), said_(std::move(source)) {}

  Recollection read(std::string_view where) {
    const ComfyNode* last = last_sampler();
    if (last == nullptr) {
      said_.note(fmt::format("{}: the ComfyUI graph has no sampler with a prompt", where));
      return std::move(said_).done();
    }
    read_passes(*last);
    return std::move(said_).done();
  }

 private:
  // What a sampler node says, whichever of its forms it has.
  struct Pass {
    const ComfyNode *node = nullptr, *guider = nullptr, *noise = nullptr, *sampler = nullptr, *sigmas = nullptr;
    const ComfyNode& conditioned() const { return guider != nullptr ? *guider : *node; }
    const ComfyNode& seeded() const { return noise != nullptr ? *noise : *node; }
    const ComfyNode& stepped() const { return sigmas != nullptr ? *sigmas : *node; }
  };

  // Where the latent of a pass comes from.
  struct Start {
    const ComfyNode* earlier = nullptr;  // the sampler before
    int64_t width = 0, height = 0;       // of an empty latent
    double scale = 1;                    // enlarged between the two
    int64_t scaled_width = 0, scaled_height = 0;
    std::string picture;  // loaded: its name
  };

  // The sampler nearest to what is saved: one that no other sampler builds upon.
  const ComfyNode* last_sampler() {
    std::vector<const ComfyNode*> samplers;
    std::deque<const ComfyNode*> saved, upwards;
    for (const auto& [id, node] : graph_.nodes()) {
      if (is_sampler(node)) {
        samplers.push_back(&node);
        for_each_link(node, [&](const ComfyNode* to) { upwards.push_back(to); });
      }
      if (mentions(node.type, "Save") || mentions(node.type, "Preview")) saved.push_back(&node);
    }
    const std::set<const ComfyNode*> inner = reached(std::move(upwards)), shown = reached(std::move(saved));
    std::vector<const ComfyNode*> last;
    for (const ComfyNode* one : samplers)
      if (!inner.contains(one)) last.push_back(one);
    std::ranges::stable_partition(last, [&](const ComfyNode* one) { return shown.contains(one); });
    if (last.empty()) return samplers.empty() ? nullptr : samplers.front();
    const auto alternatives = std::ranges::count_if(last, [&](const ComfyNode* one) { return shown.contains(one); });
    if (alternatives > 1)
      said_.note(fmt::format("{} samplers made pictures of this graph: read is node {}", alternatives, last[0]->id));
    return last.front();
  }

  template <typename Visit>
  void for_each_link(const ComfyNode& node, Visit visit) const {
    for (const auto& [input, link] : node.links)
      if (const ComfyNode* to = graph_.behind(node, input); to != nullptr) visit(to);
  }

  std::set<const ComfyNode*> reached(std::deque<const ComfyNode*> queue) const {
    std::set<const ComfyNode*> out(queue.begin(), queue.end());
    for (; !queue.empty(); queue.pop_front())
      for_each_link(*queue.front(), [&](const ComfyNode* to) {
        if (out.insert(to).second) queue.push_back(to);
      });
    return out;
  }

  Pass pass_of(const ComfyNode& node) const {
    return {&node, graph_.behind(node, "guider"), graph_.behind(node, "noise"), graph_.behind(node, "sampler"),
            graph_.behind(node, "sigmas")};
  }

  // The number an input has, by itself or from the node it is linked to.
  const OrderedJson* number(const ComfyNode& node, std::string_view key) {
    if (const OrderedJson* plain = ComfyGraph::value(node, key)) return plain->is_number() ? plain : nullptr;
    const ComfyNode* from = graph_.behind(node, key);
    if (from == nullptr) return nullptr;
    for (const std::string_view name :
         {key, std::string_view("value"), std::string_view("seed"), std::string_view("int"), std::string_view("float"),
          std::string_view("number"), std::string_view("Number"), std::string_view("Value")})
      if (const OrderedJson* found = ComfyGraph::value(*from, name); found != nullptr && found->is_number())
        return found;
    said_.note(fmt::format("{} comes from a node {}", key, shortened(from->type)));
    return nullptr;
  }

  void take(std::string_view field, const ComfyNode& node, std::string_view key) {
    if (const OrderedJson* found = number(node, key)) said_.take_json(field, *found, key);
  }

  // The word an input has.
  std::string word(const ComfyNode& node, std::string_view key) {
    if (const OrderedJson* plain = ComfyGraph::value(node, key)) return plain->is_string() ? text_of(*plain) : "";
    const ComfyNode* from = graph_.behind(node, key);
    if (from == nullptr) return {};
    for (const std::string_view name : {key, std::string_view("value"), std::string_view("string")})
      if (const OrderedJson* found = ComfyGraph::value(*from, name); found != nullptr && found->is_string())
        return text_of(*found);
    said_.note(fmt::format("{} comes from a node {}", key, shortened(from->type)));
    return {};
  }

  // A text behind an input: a plain one, or put together by nodes for texts.
  std::optional<std::string> text(const ComfyNode& node, int depth = 0) {
    if (depth > kMaxHops || ++text_nodes_ > kMaxTextNodes) return std::nullopt;
    if (mentions(node.type, "oncat") || mentions(node.type, "Join")) return joined_text(node, depth);
    for (const std::string_view key : kTextInputs)
      if (const OrderedJson* plain = ComfyGraph::value(node, key); plain != nullptr && plain->is_string())
        return plain->get<std::string>();
    for (const std::string_view key : kTextInputs)
      if (const ComfyNode* from = graph_.behind(node, key)) return text(*from, depth + 1);
    return std::nullopt;
  }

  // "string_a", "string_b", …: all that are texts, in the order of their names, with "delimiter" between.
  std::optional<std::string> joined_text(const ComfyNode& node, int depth) {
    std::set<std::string_view> keys;
    for (const auto& [key, value] : node.values)
      if (value.is_string() && key != "delimiter" && key != "separator") keys.insert(key);
    for (const auto& [key, link] : node.links) keys.insert(key);
    std::string delimiter, out;
    for (const std::string_view key : {"delimiter", "separator"})
      if (const OrderedJson* said = ComfyGraph::value(node, key); said != nullptr && said->is_string())
        delimiter = said->get<std::string>();
    bool first = true;
    for (const std::string_view key : keys) {
      std::optional<std::string> part;
      if (const OrderedJson* plain = ComfyGraph::value(node, key))
        part = plain->get<std::string>();
      else if (const ComfyNode* from = graph_.behind(node, key))
        part = text(*from, depth + 1);
      if (!part) continue;
      out += (first ? "" : delimiter) + *part;
      first = false;
      if (out.size() > kMaxTextBytes) return std::nullopt;
    }
    return first ? std::nullopt : std::optional(out);
  }

  struct Prompt {
    std::string text, system;
    bool is_zeroed = false;
  };

  // Up the links of an input to the node that encodes a text. What acts on the encoding on the way is told.
  std::optional<Prompt> prompt_behind(const ComfyNode& from, std::string_view input, std::string_view which) {
    int64_t slot = 0;
    const ComfyNode* node = graph_.behind(from, input, &slot);
    bool is_zeroed = false;
    for (int hop = 0; node != nullptr && hop < kMaxHops; ++hop) {
      if (node->type == "ConditioningZeroOut") {
        is_zeroed = true;
      } else if (node->type == "ConditioningConcat") {
        return concatenated(*node, which);
      } else if (node->type == "CLIPTextEncodeLumina2") {
        return lumina_prompt(*node, is_zeroed);
      } else if (std::optional<std::string> words = text_of_encoder(*node)) {
        return Prompt{std::move(*words), "", is_zeroed};
      } else {
        said_.note(fmt::format("a node {} acts on the {} prompt", shortened(node->type), which));
      }
      node = next_conditioning(*node, slot);
    }
    return std::nullopt;
  }

  // What a node that encodes holds; nothing for one that changes an encoding, whatever texts it has.
  std::optional<std::string> text_of_encoder(const ComfyNode& node) {
    for (const std::string_view key : {"conditioning", "conditioning_1", "conditioning_to", "positive"})
      if (node.links.contains(key) && node.type.find("Encode") == node.type.npos) return std::nullopt;
    return text(node);
  }

  // A node with both prompts gives the negative one by its second output.
  const ComfyNode* next_conditioning(const ComfyNode& node, int64_t& slot) const {
    const bool negative = slot == 1 && node.links.contains("negative");
    for (const std::string_view key :
         {std::string_view(negative ? "negative" : "positive"), std::string_view("conditioning"),
          std::string_view("conditioning_1"), std::string_view("conditioning_to"), std::string_view("cond1")})
      if (const ComfyNode* next = graph_.behind(node, key, &slot)) return next;
    return nullptr;
  }

  std::optional<Prompt> lumina_prompt(const ComfyNode& node, bool is_zeroed) {
    Prompt out{"", lumina_system_prompt(word(node, "system_prompt")), is_zeroed};
    if (out.system.empty()) said_.lost("system_prompt", word(node, "system_prompt"));
    const ComfyNode* from = graph_.behind(node, "user_prompt");
    out.text = from != nullptr ? text(*from).value_or("") : word(node, "user_prompt");
    return out;
  }

  // Encoded apart there, as one text here.
  std::optional<Prompt> concatenated(const ComfyNode& node, std::string_view which) {
    if (++concatenations_ > kMaxHops) return std::nullopt;
    std::optional<Prompt> to = prompt_behind(node, "conditioning_to", which);
    const std::optional<Prompt> more = prompt_behind(node, "conditioning_from", which);
    if (!to || !more) return to ? to : more;
    to->text += ", " + more->text;
    said_.note(
        fmt::format("ConditioningConcat: the {} prompt is one text here, whose parts were encoded apart", which));
    return to;
  }

  void read_prompts(const ComfyNode& k) {
    std::optional<Prompt> positive =
        prompt_behind(k, k.links.contains("positive") ? "positive" : "conditioning", "positive");
    if (positive) {
      said_.take("prompt", positive->text, "the positive prompt");
      // Its own nodes have the whole text in one field and give it to both encoders.
      said_.take("system_prompt", positive->system.empty() ? "none" : positive->system, "system_prompt");
      said_.take("routing", "comfyui", "routing");
      if (positive->is_zeroed) said_.note("ConditioningZeroOut acts on the positive prompt");
    }
    if (k.type == "BasicGuider") return said_.take("cfg", "1", k.type);
    const std::optional<Prompt> negative = prompt_behind(k, "negative", "negative");
    if (!negative) return;
    said_.take("negative_prompt", negative->is_zeroed ? "" : negative->text, "the negative prompt");
    if (negative->is_zeroed) said_.note("ConditioningZeroOut: an empty negative prompt stands for its zeros");
    if (!negative->is_zeroed && positive && negative->system != positive->system)
      said_.note("system_prompt: the negative prompt had another one");
  }

  Start start_of(const ComfyNode& sampler) {
    Start out;
    const ComfyNode* node = graph_.behind_any(sampler, kLatentInputs);
    for (int hop = 0; node != nullptr && hop < kMaxHops; ++hop, node = graph_.behind_any(*node, kLatentInputs)) {
      if (is_sampler(*node)) {
        out.earlier = node;
        return out;
      }
      const std::string& type = node->type;
      if (mentions(type, "Empty")) {
        read_empty_latent(*node, out);
        return out;
      }
      if (type.starts_with("Load") && mentions(type, "mage")) {
        out.picture = word(*node, "image");
        if (out.picture.empty()) out.picture = type;
        return out;
      }
      if (const OrderedJson* by = number(*node, "scale_by")) {
        out.scale *= by->get<double>();
        said_.note(fmt::format("{} {}: here pixels are enlarged, by Lanczos", type, word(*node, "upscale_method")));
      } else if (mentions(type, "Upscale") || mentions(type, "ImageScale")) {
        read_target_size(*node, out);
      } else if (mentions(type, "Mask") || mentions(type, "Inpaint")) {
        said_.note(fmt::format("{}: a mask was used; give it with `mask`", type));
      } else if (!mentions(type, "VAEDecode") && !mentions(type, "VAEEncode")) {
        said_.note(fmt::format("a node {} acts on the latent", shortened(type)));
      }
    }
    return out;
  }

  void read_empty_latent(const ComfyNode& node, Start& out) {
    const auto side = [&](const char* key) {
      const OrderedJson* found = number(node, key);
      return found != nullptr ? static_cast<int64_t>(std::clamp(found->get<double>(), 0.0, 1e6)) : 0;
    };
    out.width = side("width");
    out.height = side("height");
    if (const OrderedJson* batch = number(node, "batch_size"); batch != nullptr && *batch != 1)
      said_.note(fmt::format("batch_size {}: the first picture of that batch is drawn", batch->dump()));
  }

  void read_target_size(const ComfyNode& node, Start& out) {
    const OrderedJson *width = number(node, "width"), *height = number(node, "height");
    if (width == nullptr || height == nullptr) return said_.note(fmt::format("a node {} changes the size", node.type));
    out.scaled_width = static_cast<int64_t>(std::clamp(width->get<double>(), 0.0, 1e6));
    out.scaled_height = static_cast<int64_t>(std::clamp(height->get<double>(), 0.0, 1e6));
    said_.note(fmt::format("{} {}: here pixels are enlarged, by Lanczos", node.type, word(node, "upscale_method")));
  }

  void read_sampler_name(const Pass& pass) {
    const ComfyNode& node = pass.sampler != nullptr ? *pass.sampler : *pass.node;
    if (const std::string name = word(node, "sampler_name"); !name.empty()) return said_.take_sampler(name);
    if (node.type == "SamplerEulerAncestral") {
      said_.take_sampler("euler_ancestral");
      take("eta", node, "eta");
      return;
    }
    if (pass.sampler != nullptr) said_.note(fmt::format("sampler {} is not one of ours", shortened(node.type)));
  }

  void read_steps(const Pass& pass) {
    const ComfyNode& node = pass.stepped();
    if (pass.sigmas != nullptr && node.type == "ManualSigmas") {
      if (const std::string words = word(node, "sigmas"); !words.empty()) return said_.take("sigmas", words, "sigmas");
    }
    if (const std::string name = word(node, "scheduler"); !name.empty())
      said_.take_schedule(name);
    else if (pass.sigmas != nullptr)
      said_.note(fmt::format("a node {} makes the noise levels", shortened(node.type)));
    const OrderedJson* steps = number(node, "steps");
    if (steps != nullptr) said_.take_json("steps", *steps, "steps");
    const OrderedJson *first = number(node, "start_at_step"), *last = number(node, "end_at_step");
    if ((first != nullptr && *first != 0) || (last != nullptr && steps != nullptr && *last < *steps))
      said_.note("start_at_step, end_at_step: all steps are walked here");
  }

  // What a pass repeats of the first and says otherwise.
  void tell_differences(const Pass& first, const Pass& second) {
    for (const char* key : {"cfg", "seed", "noise_seed", "sampler_name", "scheduler"}) {
      const auto of = [&](const Pass& pass) -> const OrderedJson* {
        for (const ComfyNode* node : {pass.node, pass.guider, pass.noise, pass.sampler, pass.sigmas})
          if (node != nullptr)
            if (const OrderedJson* found = ComfyGraph::value(*node, key)) return found;
        return nullptr;
      };
      const OrderedJson *one = of(first), *other = of(second);
      if (one != nullptr && other != nullptr && *one != *other)
        said_.note(
            fmt::format("{} {} of the second pass: it has that of the first here", key, shortened(text_of(*other))));
    }
  }

  void read_passes(const ComfyNode& last) {
    Pass pass = pass_of(last);
    Start start = start_of(last);
    if (start.earlier != nullptr) {
      const Pass second = pass;
      pass = pass_of(*start.earlier);
      const Start first = start_of(*start.earlier);
      if (first.earlier != nullptr) said_.note("more than two passes: the last two are drawn");
      double scale = start.scale;
      if (start.scaled_width > 0 && first.width > 0) {
        scale = static_cast<double>(start.scaled_width) / static_cast<double>(first.width);
        if (start.scaled_width * first.height != start.scaled_height * first.width)
          said_.note("the second pass had other proportions");
      }
      said_.take("hires_scale", fmt::format("{}", scale), "scale_by");
      take("hires_strength", second.stepped(), "denoise");
      take("hires_steps", second.stepped(), "steps");
      said_.take("strength_rule", "comfyui", "strength_rule");
      tell_differences(pass, second);
      start = first;
    }
    take("seed", pass.seeded(), "seed");
    take("seed", pass.seeded(), "noise_seed");
    take("cfg", pass.conditioned(), "cfg");
    read_sampler_name(pass);
    read_steps(pass);
    if (!start.picture.empty()) said_.started_from_picture("image " + shortened(start.picture));
    if (const OrderedJson* denoise = number(pass.stepped(), "denoise"); denoise != nullptr && *denoise != 1) {
      take("strength", pass.stepped(), "denoise");
      said_.take("strength_rule", "comfyui", "strength_rule");
    }
    read_prompts(pass.conditioned());
    if (start.width > 0 && start.height > 0) said_.take_size(start.width, start.height);
    read_model(pass);
  }

  void read_model(const Pass& pass) {
    const ComfyNode* model = graph_.behind(pass.conditioned(), "model");
    std::vector<std::pair<std::string, double>> adapters;  // the last is met first
    for (int hop = 0; model != nullptr && hop < kMaxHops; ++hop) {
      const std::string& type = model->type;
      if (type.starts_with("ModelSampling") && model->values.contains("shift"))
        take("shift", *model, "shift");
      else if (type == "RescaleCFG")
        take("rescale_cfg", *model, "multiplier");
      else if (type == "RenormCFG") {
        take("cfg_trunc", *model, "cfg_trunc");
        take("renorm_cfg", *model, "renorm_cfg");
      } else if (type == "LoraLoader" || type == "LoraLoaderModelOnly") {
        const OrderedJson* strength = number(*model, "strength_model");
        adapters.emplace_back(word(*model, "lora_name"), strength != nullptr ? strength->get<double>() : 1.0);
        if (const OrderedJson* text = number(*model, "strength_clip"); text && strength && *text != *strength)
          said_.note("strength_clip differs from strength_model: the adapter acts with the latter");
      } else if (!mentions(type, "Load") && model->links.contains("model")) {
        said_.note(fmt::format("a node {} acts on the model", shortened(type)));
      }
      model = graph_.behind(*model, "model");
    }
    for (auto it = adapters.rbegin(); it != adapters.rend(); ++it) said_.take_adapter(it->first, it->second);
  }

  const ComfyGraph& graph_;
  Said said_;
  int text_nodes_ = 0, concatenations_ = 0;
};

}  // namespace

Recollection recall_comfyui_prompt(const OrderedJson& json, std::string_view where) {
  const ComfyGraph graph = ComfyGraph::of_prompt(json);
  return GraphReader(graph, "prompt").read(where);
}

Recollection recall_comfyui_workflow(const OrderedJson& json, std::string_view where) {
  const ComfyGraph graph = ComfyGraph::of_workflow(json);
  return GraphReader(graph, "workflow").read(where);
}

}  // namespace newbie
