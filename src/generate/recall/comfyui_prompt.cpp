#include "generate/recall/comfyui_prompt.h"

#include <algorithm>
#include <array>

#include "generate/json_text.h"
#include "generate/recall/adapter_tags.h"
#include "generate/recall/comfyui_model.h"
#include "generate/recall/comfyui_text.h"
#include "generate/recall/their_syntax.h"
#include "text/system_prompts.h"
#include "text/trim.h"

namespace newbie {

namespace {

// Nodes that encode a text, and the inputs that may hold it, the best first. Others of them are told where they differ.
struct TextEncoderNode {
  std::string_view type;
  std::array<std::string_view, 3> texts;
};
constexpr TextEncoderNode kEncoders[] = {
    {"CLIPTextEncode", {"text"}},
    {"CLIPTextEncodeSDXL", {"text_g", "text_l"}},
    {"CLIPTextEncodeSDXLRefiner", {"text"}},
    {"CLIPTextEncodeFlux", {"t5xxl", "clip_l"}},
    {"CLIPTextEncodeSD3", {"t5xxl", "clip_g", "clip_l"}},
    {"NewBieCLIPTextEncode", {"user_prompt"}},
    {"NewBieCLIPTextEncodeBasic", {"user_prompt"}},
    {"ImpactWildcardEncode", {"populated_text"}},
    {"BNK_CLIPTextEncodeAdvanced", {"text"}},
    {"smZ CLIPTextEncode", {"text"}},
};

constexpr std::string_view kAnyText[] = {"text",   "prompt", "user_prompt",   "positive",
                                         "text_g", "t5xxl",  "populated_text"};
constexpr std::string_view kAnyNegative[] = {"negative", "negative_prompt", "text_negative"};
// What a node that changes an encoding has it by, the first first.
constexpr std::string_view kConditionings[] = {"positive", "conditioning", "conditioning_1", "conditioning_to",
                                               "cond1"};

// What ComfyUI's Lumina2 node puts before a prompt, by the names of its list.
std::string lumina_system_prompt(std::string_view name) {
  for (const NamedSystemPrompt& known : system_prompts())
    if (known.name == "demo-" + std::string(name)) return std::string(known.text) + " <Prompt Start> ";
  return {};
}

bool mentions_newbie(const OrderedJson& value) {
  if (!value.is_string()) return false;
  std::string words = value.get<std::string>();
  std::ranges::transform(words, words.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return words.find("newbie") != words.npos;
}

class PromptReader {
 public:
  PromptReader(ComfyReading& reading, std::string_view which) : reading_(reading), which_(which) {}

  std::optional<ComfyPrompt> behind(const ComfyNode& from, std::string_view input) {
    int64_t slot = 0;
    const ComfyNode* node = reading_.graph.behind(from, input, &slot);
    bool is_zeroed = false;
    for (int hop = 0; node != nullptr && hop < kMaxComfyHops; ++hop) {
      if (node->type == "ConditioningConcat") return concatenated(*node);
      if (auto out = encoded(*node)) {
        out->is_zeroed = is_zeroed;
        return out;
      }
      if (node->type == "ConditioningZeroOut") {
        reading_.understand(*node);
        is_zeroed = true;
      } else {
        reading_.tell(*node, fmt::format("a node {} acts on the {} prompt", shortened(node->type), which_));
      }
      node = next_conditioning(*node, slot);
    }
    return std::nullopt;
  }

 private:
  // Of a node that encodes a text; nothing for one that changes an encoding, whatever texts it has.
  std::optional<ComfyPrompt> encoded(const ComfyNode& node) {
    ComfyPrompt out{.encoder = &node, .rule = rule_of(node)};
    if (node.type == "CLIPTextEncodeLumina2") return lumina(node, std::move(out));
    for (const TextEncoderNode& row : kEncoders)
      if (node.type == row.type) return known(node, row, std::move(out));
    const bool has_conditioning =
        std::ranges::any_of(kConditionings, [&](auto key) { return node.links.contains(key); });
    if (has_conditioning && node.type.find("Encode") == node.type.npos) return std::nullopt;
    std::optional<std::string> words;
    if (which_ == "negative") words = comfy_text_of_any(reading_, node, kAnyNegative);  // of a node with both
    if (!words) words = comfy_text_of_any(reading_, node, kAnyText);
    if (!words) return std::nullopt;
    out.text = std::move(*words);
    reading_.tell(node, fmt::format("a node {} encodes the {} prompt: its text is taken as it stands",
                                    shortened(node.type), which_));
    return out;
  }

  std::optional<ComfyPrompt> known(const ComfyNode& node, const TextEncoderNode& row, ComfyPrompt out) {
    bool any = false;
    for (const std::string_view key : row.texts) {
      if (key.empty()) continue;
      const auto words = comfy_text(reading_, node, key);
      if (!words) continue;
      if (!any)
        out.text = *words;
      else if (*words != out.text)
        reading_.said.lost(fmt::format("{} {}", node.type, key), *words);
      any = true;
    }
    reading_.understand(node);
    if (!any) return std::nullopt;
    if (node.type.starts_with("NewBie")) take_newbie_parts(node, out);
    return out;
  }

  // The NewBie nodes put the system prompt before the other with one blank, both without blanks at their ends, and give
  // it to Gemma alone.
  void take_newbie_parts(const ComfyNode& node, ComfyPrompt& out) {
    out.text = trim(out.text, kBlanksAndLineEnds);
    out.system = trim(comfy_text(reading_, node, "system_prompt").value_or(""), kBlanksAndLineEnds);
    if (!out.system.empty()) out.system += ' ';
    if (const OrderedJson* chat = reading_.plain(node, "use_chat_template"); chat != nullptr && *chat == true)
      reading_.said.lost(node.type + " use_chat_template", "true");
  }

  std::optional<ComfyPrompt> lumina(const ComfyNode& node, ComfyPrompt out) {
    reading_.understand(node);
    const std::string name = reading_.word(node, "system_prompt");
    out.system = lumina_system_prompt(name);
    if (out.system.empty()) reading_.said.lost("system_prompt", name);
    out.text = comfy_text(reading_, node, "user_prompt").value_or("");
    return out;
  }

  // Encoded apart there, as one text here.
  std::optional<ComfyPrompt> concatenated(const ComfyNode& node) {
    if (++concatenations_ > kMaxComfyHops) return std::nullopt;
    std::optional<ComfyPrompt> to = behind(node, "conditioning_to");
    const std::optional<ComfyPrompt> more = behind(node, "conditioning_from");
    if (!to || !more) return to ? to : more;
    to->text += ", " + more->text;
    reading_.understand(node);
    reading_.said.note(
        fmt::format("ConditioningConcat: the {} prompt is one text here, whose parts were encoded apart", which_));
    return to;
  }

  // A node with both prompts gives the negative one by its second output.
  const ComfyNode* next_conditioning(const ComfyNode& node, int64_t& slot) const {
    if (slot == 1 && node.links.contains("negative")) return reading_.graph.behind(node, "negative", &slot);
    for (const std::string_view key : kConditionings)
      if (const ComfyNode* next = reading_.graph.behind(node, key, &slot)) return next;
    return nullptr;
  }

  // How the text encoder behind `clip` reads brackets: the NewBie nodes as we do; ComfyUI's own of this model, whose
  // Gemma has its weights switched off, as letters, which None says.
  BracketRule rule_of(const ComfyNode& node) const {
    if (node.type == "NewBieCLIPTextEncodeBasic") return BracketRule::None;
    const ComfyNode* loader = comfy_chain(reading_, node, "clip").loader;
    if (loader == nullptr) return BracketRule::ComfyUi;
    if (loader->type == "NewBieCLIPLoader") return BracketRule::NewBieNodes;
    const bool is_ours =
        std::ranges::any_of(loader->values, [](const auto& one) { return mentions_newbie(one.second); });
    return is_ours ? BracketRule::None : BracketRule::ComfyUi;
  }

  ComfyReading& reading_;
  std::string_view which_;
  int concatenations_ = 0;
};

}  // namespace

std::optional<ComfyPrompt> comfy_prompt(ComfyReading& reading, const ComfyNode& user, std::string_view input,
                                        std::string_view which) {
  return PromptReader(reading, which).behind(user, input);
}

void take_prompts(ComfyReading& reading, const std::optional<ComfyPrompt>& positive,
                  const std::optional<ComfyPrompt>& negative) {
  Said& said = reading.said;
  if (positive) {
    said.take("prompt", positive->text, "the positive prompt");
    said.take("system_prompt", positive->system.empty() ? "none" : positive->system, "system_prompt");
    // ComfyUI's own nodes have the whole text in one field and give it to both encoders.
    if (positive->encoder == nullptr || !positive->encoder->type.starts_with("NewBie"))
      said.take("routing", "comfyui", "routing");
    if (positive->is_zeroed) said.note("ConditioningZeroOut acts on the positive prompt");
  }
  if (negative) {
    said.take("negative_prompt", negative->is_zeroed ? "" : negative->text, "the negative prompt");
    if (negative->is_zeroed) said.note("ConditioningZeroOut: an empty negative prompt stands for its zeros");
    if (!negative->is_zeroed && positive && negative->system != positive->system)
      said.note("system_prompt: the negative prompt had another one");
  }
  tell_syntax(said, SyntaxOf::Others);
  if (positive && positive->encoder != nullptr && positive->encoder->type == "ImpactWildcardEncode")
    take_foreign_adapter_tags(said, TagOrder::ModelFirst);
  else
    leave_out_adapter_tags(said);
  if (!positive) return;
  said.rewrite_weights(positive->rule);
  const bool was_weighed = rewrite_brackets(positive->text, BracketRule::ComfyUi).has_markup &&
                           positive->encoder->type != "NewBieCLIPTextEncodeBasic";
  if (positive->rule == BracketRule::None && was_weighed)
    said.note("brackets of the prompt are letters to Gemma, there as here; Jina CLIP weighed by them");
}

}  // namespace newbie
