#include "generate/recall/comfyui_text.h"

#include <algorithm>
#include <vector>

#include "generate/json_text.h"
#include "text/trim.h"

namespace newbie {

namespace {

constexpr int kMaxTextNodes = 1000;  // visits while a text is put together
constexpr size_t kMaxTextBytes = size_t{1} << 20;

// Nodes that give a text on as it is, and by which input.
constexpr std::pair<std::string_view, std::string_view> kTextNodes[] = {
    {"PrimitiveString", "value"},
    {"PrimitiveStringMultiline", "value"},
    {"PrimitiveNode", "value"},
    {"String Literal", "string"},
    {"StringConstant", "string"},
    {"StringConstantMultiline", "string"},
    {"CR Text", "text"},
    {"CR Prompt Text", "prompt"},
    {"Text Multiline", "text"},
    {"easy positive", "positive"},
    {"easy negative", "negative"},
    {"easy string", "value"},
    {"ttN text", "text"},
    {"JWString", "text"},
    {"ShowText|pysssss", "text"},
    {"PreviewAny", "source"},
    {"Primitive string [Crystools]", "string"},
    {"Primitive string multiline [Crystools]", "string"},
    {"ImpactWildcardProcessor", "populated_text"},  // what its wildcards became
    {"NewbiePrompt", "text"},
};

// Nodes that join texts: those of inputs whose names open so, in the order of the numbers or letters behind.
struct TextJoiner {
  std::string_view type, inputs, delimiter;
  bool skips_empty = false;
  std::string_view strips = {};  // an input that, when "true", takes blanks from their ends
};
constexpr TextJoiner kTextJoiners[] = {
    {"StringConcatenate", "string_", "delimiter"}, {"JoinStrings", "string", "delimiter"},
    {"JoinStringMulti", "string_", "delimiter"},   {"Text Concatenate", "text_", "delimiter", true, "clean_whitespace"},
    {"CR Text Concatenate", "text", "separator"},  {"Concat Text _O", "text", "separator"},
    {"easy promptConcat", "prompt", "separator"},  {"ttN concat", "text", "delimiter"},
};

// Inputs that hold a text in nodes that are not known.
constexpr std::string_view kTextInputs[] = {"text",   "prompt", "user_prompt", "string",   "value", "positive",
                                            "text_a", "text1",  "text_1",      "string_a", "input", "populated_text"};

// Inputs that hold none.
constexpr std::string_view kOtherInputs[] = {
    "model",  "clip",         "vae",  "image",      "images", "mask",       "pixels",       "samples",
    "latent", "latent_image", "seed", "noise_seed", "pipe",   "basic_pipe", "conditioning", "negative"};

// Nothing where it would be too long: some of these behind each other multiply.
std::optional<std::string> replaced(std::string_view text, std::string_view find, std::string_view by) {
  std::string out;
  for (size_t at = text.find(find); at != text.npos; at = text.find(find)) {
    out.append(text.substr(0, at)).append(by);
    text.remove_prefix(at + find.size());
    if (out.size() > kMaxTextBytes) return std::nullopt;
  }
  return out.append(text);
}

class TextReader {
 public:
  explicit TextReader(ComfyReading& reading) : reading_(reading) {}

  std::optional<std::string> of_input(const ComfyNode& node, std::string_view key) {
    if (const OrderedJson* plain = reading_.plain(node, key))
      return plain->is_string() ? std::optional(plain->get<std::string>()) : std::nullopt;
    const ComfyNode* from = reading_.graph.behind(node, key);
    return from != nullptr ? of_node(*from) : std::nullopt;
  }

 private:
  std::optional<std::string> of_node(const ComfyNode& node) {
    if (++visits_ > kMaxTextNodes || path_.size() == kMaxComfyHops) return std::nullopt;
    if (std::ranges::find(path_, &node) != path_.end()) return std::nullopt;  // a ring
    path_.push_back(&node);
    std::optional<std::string> out = of_known_node(node);
    if (!out) out = of_unknown_node(node);
    path_.pop_back();
    return out;
  }

  std::optional<std::string> of_known_node(const ComfyNode& node) {
    for (const auto& [type, key] : kTextNodes)
      if (node.type == type) return understood(node, of_input(node, key));
    for (const TextJoiner& row : kTextJoiners)
      if (node.type == row.type) return understood(node, joined(node, row));
    if (const std::string chosen = ComfyGraph::chosen_input(node); !chosen.empty())
      return understood(node, of_input(node, chosen));
    if (node.type == "StringReplace") return of_replace(node, "string");
    if (node.type == "Text Find and Replace") return of_find_and_replace(node);
    if (node.type == "StringTrim") return of_trim(node);
    if (node.type == "StringFunction|pysssss") return of_string_function(node);
    return std::nullopt;
  }

  std::optional<std::string> understood(const ComfyNode& node, std::optional<std::string> text) {
    if (text) reading_.understand(node);
    return text;
  }

  // What it was given, and a note.
  std::optional<std::string> of_unknown_node(const ComfyNode& node) {
    if (reading_.is_understood(node)) return std::nullopt;  // known, and without a text
    std::optional<std::string> out;
    for (const std::string_view key : kTextInputs)
      if (!out) out = of_input(node, key);
    for (const auto& [key, link] : node.links)
      if (!out && std::ranges::find(kOtherInputs, key) == std::end(kOtherInputs)) out = of_input(node, key);
    if (out)
      reading_.tell(node, fmt::format("a node {} makes a text: what it was given is taken", shortened(node.type)));
    else if (path_.size() == 1)
      reading_.tell(node, fmt::format("a text comes from a node {}", shortened(node.type)));
    return out;
  }

  // One of several that are joined. A link that gives no text leaves it out, and that is told.
  std::string part_of(const ComfyNode& node, const std::string& key) {
    auto text = of_input(node, key);
    if (!text && node.links.contains(key))
      reading_.tell(node, fmt::format("{} of a node {} gives no text: it is left out", key, shortened(node.type)));
    return std::move(text).value_or("");
  }

  std::optional<std::string> joined(const ComfyNode& node, const TextJoiner& row) {
    std::string delimiter = reading_.word(node, row.delimiter);
    if (delimiter == "\\n") delimiter = "\n";
    const bool strips = !row.strips.empty() && reading_.plain_word(node, row.strips) == "true";
    const auto count = reading_.number(node, "inputcount");
    std::string out;
    bool first = true;
    for (const std::string& key : numbered(node, row.inputs)) {
      reading_.plain(node, key);
      if (count && number_of(std::string_view(key).substr(row.inputs.size())) > count->get<double>()) continue;
      std::string part = part_of(node, key);
      if (strips) part = trim(part, kBlanksAndLineEnds);
      if (part.empty() && row.skips_empty) continue;
      out += (first ? "" : delimiter) + part;
      first = false;
      if (out.size() > kMaxTextBytes) return std::nullopt;
    }
    return first ? std::nullopt : std::optional(out);
  }

  // The inputs of that opening, "string_2" before "string_10".
  static std::vector<std::string> numbered(const ComfyNode& node, std::string_view opening) {
    std::vector<std::string> out;
    const auto add = [&](const std::string& key) {
      if (key.starts_with(opening) && key.size() > opening.size()) out.push_back(key);
    };
    for (const auto& [key, value] : node.values)
      if (value.is_string()) add(key);
    for (const auto& [key, link] : node.links) add(key);
    std::ranges::sort(out, {}, [&](const std::string& key) {
      return std::pair(number_of(std::string_view(key).substr(opening.size())).value_or(0), key);
    });
    return out;
  }

  std::optional<std::string> of_replace(const ComfyNode& node, std::string_view key) {
    const auto text = of_input(node, key), find = of_input(node, "find"), by = of_input(node, "replace");
    if (!text || !find || find->empty() || !by) return std::nullopt;
    return understood(node, replaced(*text, *find, *by));
  }

  // Its `find` is a pattern: one that is nothing but letters is replaced here, too.
  std::optional<std::string> of_find_and_replace(const ComfyNode& node) {
    const auto find = of_input(node, "find"), by = of_input(node, "replace");
    if (!find || find->find_first_of("\\^$.|?*+()[]{}") != find->npos) return std::nullopt;
    if (!by || by->find('\\') != by->npos) return std::nullopt;
    return of_replace(node, "text");
  }

  std::optional<std::string> of_trim(const ComfyNode& node) {
    const auto text = of_input(node, "string");
    const std::string mode = reading_.plain_word(node, "mode");
    if (!text) return std::nullopt;
    const std::string_view inner = trim(*text, kBlanksAndLineEnds);
    const auto begin = static_cast<size_t>(inner.empty() ? 0 : inner.data() - text->data());
    if (mode == "Left") return understood(node, inner.empty() ? "" : text->substr(begin));
    if (mode == "Right") return understood(node, inner.empty() ? "" : text->substr(0, begin + inner.size()));
    return mode == "Both" ? understood(node, std::string(inner)) : std::nullopt;
  }

  // Texts one behind the other. What its tidying would change, and its other action, are left to others.
  std::optional<std::string> of_string_function(const ComfyNode& node) {
    const bool tidies = reading_.plain_word(node, "tidy_tags") == "yes";
    if (reading_.plain_word(node, "action") != "append") return std::nullopt;
    std::string out;
    for (const std::string& key : numbered(node, "text_"))
      if (const std::string part = part_of(node, key); !part.empty())
        if ((out += (tidies && !out.empty() ? ", " : "") + part).size() > kMaxTextBytes) return std::nullopt;
    const auto holds = [&](std::string_view untidy) { return out.find(untidy) != out.npos; };
    if (tidies && (holds("  ") || holds(" ,") || holds(",,") || holds("\n") || trim(out) != out)) return std::nullopt;
    return understood(node, std::move(out));
  }

  ComfyReading& reading_;
  int visits_ = 0;
  std::vector<const ComfyNode*> path_;  // the nodes that are being read
};

}  // namespace

std::optional<std::string> comfy_text(ComfyReading& reading, const ComfyNode& node, std::string_view key) {
  return TextReader(reading).of_input(node, key);
}

std::optional<std::string> comfy_text_of_any(ComfyReading& reading, const ComfyNode& node,
                                             std::span<const std::string_view> keys) {
  for (const std::string_view key : keys)
    if (auto text = comfy_text(reading, node, key)) return text;
  return std::nullopt;
}

}  // namespace newbie
