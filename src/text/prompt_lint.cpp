#include "text/prompt_lint.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "text/prompt_tags.h"
#include "text/utf8.h"

namespace newbie {
namespace {

using enum Severity;

constexpr LintRule kRules[] = {
    {"not-utf8", Error, "the text is not UTF-8: nothing can be drawn from it"},
    {"unclosed", Error, "an element has no closing tag"},
    {"stray-closing", Error, "a closing tag closes nothing"},
    {"mismatched-closing", Error, "opening and closing tag are spelt in two ways"},
    {"broken-tag", Error, "a known tag has no >"},
    {"duplicate-character", Error, "the same character_N twice"},
    {"duplicate-tag", Error, "the same field twice in one block"},
    {"weight-markup", Error, "with `weights`: brackets that are no weight"},
    {"text-lost", Warning, "an encoder does not read all of the prompt"},
    {"unknown-tag", Warning, "a tag the model was not trained with"},
    {"misplaced-tag", Warning, "a known tag in a place that is not its own"},
    {"spaces-in-tag", Warning, "white space inside a tag"},
    {"attributes", Warning, "a tag with attributes"},
    {"self-closing", Warning, "<n/> instead of <n></n>"},
    {"empty-character", Warning, "a character of whom nothing is said"},
    {"missing-gender", Warning, "a character without gender"},
    {"missing-name", Warning, "a character without <n>"},
    {"numbering-gap", Warning, "characters not numbered 1, 2, 3 …"},
    {"loose-text", Warning, "text in a block but in no field of it"},
    {"special-token", Warning, "text that a tokenizer takes for one of its special tokens"},
    {"byte-order-mark", Warning, "the file starts with a byte order mark, which the model reads"},
    {"atom", Info, "a tag that is one token for Gemma, as in web pages"},
    {"old-form", Info, "the form of an older builder"},
    {"entity", Info, "&lt; and the like: the model decodes none"},
    {"xml-markup", Info, "an XML declaration or comment: the model reads it"},
    {"bare-parenthesis", Info, "name_(series) without backslashes"},
};

const LintRule& rule(std::string_view code) {
  return *std::find_if(std::begin(kRules), std::end(kRules), [&](const LintRule& r) { return r.code == code; });
}

// Gemma 3's tokenizer has these as single tokens, opening and closing (spec/gemma3.md 6.4). <caption> is one, too, but
// it is the model's own tag.
constexpr std::string_view kAtoms[] = {
    "table", "thead",      "tbody",  "tfoot", "tr",   "th", "td", "h1",  "h2",     "h3",    "h4",   "h5",
    "h6",    "blockquote", "strong", "em",    "b",    "i",  "u",  "s",   "sub",    "sup",   "code", "a",
    "html",  "body",       "img",    "span",  "bbox", "ul", "li", "div", "iframe", "footer"};

// Texts that stand for special ids.
struct Special {
  std::string_view text;
  std::string_view of;
};
constexpr Special kSpecials[] = {
    {"<s>", "Jina CLIP"},
    {"</s>", "Jina CLIP"},
    {"<pad>", "both encoders"},
    {"<unk>", "both encoders"},
    {"<mask>", "both encoders"},
    {"<bos>", "Gemma"},
    {"<eos>", "Gemma"},
    {"[multimodal]", "Gemma"},
    {"<start_of_turn>", "Gemma"},
    {"<end_of_turn>", "Gemma"},
    {"<start_of_image>", "Gemma"},
    {"<end_of_image>", "Gemma"},
    {"<image_soft_token>", "Gemma"},
};

constexpr std::string_view kEntities[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&apos;"};
constexpr std::string_view kEntityCharacters = "&<>\"'";
constexpr std::string_view kMarkup[] = {"<?xml", "<!--", "<![CDATA["};

bool is_atom(std::string_view name) {
  return std::find(std::begin(kAtoms), std::end(kAtoms), name) != std::end(kAtoms);
}

bool is_special_tag(std::string_view name) {
  return std::any_of(std::begin(kSpecials), std::end(kSpecials), [&](const Special& s) {
    return s.text.size() == name.size() + 2 && s.text.substr(1, name.size()) == name && s.text.ends_with('>');
  });
}

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == text.npos; }

// A name of the prompt, short enough for a message.
std::string shown(std::string_view name) {
  constexpr size_t kLongest = 40;
  return beginning_of(name, kLongest);
}

class Linter {
 public:
  Linter(std::string_view text, const PromptTree& tree) : text_(text), tree_(tree) {}

  std::vector<Finding> run() {
    lint_bytes();
    for (const PromptProblem& problem : tree_.problems) lint_problem(problem);
    lint_tags();
    lint_blocks();
    lint_words();
    std::stable_sort(findings_.begin(), findings_.end(),
                     [](const Finding& a, const Finding& b) { return a.at.offset < b.at.offset; });
    PositionCursor cursor(text_);
    for (Finding& finding : findings_) finding.at = cursor.at(finding.at.offset);
    return std::move(findings_);
  }

 private:
  template <typename... Args>
  void tell(std::string_view code, size_t offset, std::string hint, fmt::format_string<Args...> message,
            Args&&... args) {
    findings_.push_back({code,
                         rule(code).severity,
                         {.offset = offset},
                         fmt::format(message, std::forward<Args>(args)...),
                         std::move(hint)});
  }
  // Of what was told last.
  void fix(size_t begin, size_t end, std::string text) { findings_.back().fix = {begin, end, std::move(text)}; }

  const WrittenTag* tag_at(size_t offset) const {
    const auto offset_of = [](const WrittenTag& tag) { return tag.at.offset; };
    const auto found = std::ranges::lower_bound(tree_.tags, offset, {}, offset_of);
    return found == tree_.tags.end() || found->at.offset != offset ? nullptr : &*found;
  }

  // Another name for the element that begins there, at both ends. Of long ones no whole copy is made.
  void rename(const WrittenTag& tag, std::string_view name) {
    constexpr size_t kLongest = 4096;
    const auto known = elements_.find(tag.at.offset);
    if (known == elements_.end() || content(*known->second).size() > kLongest) return;
    const PromptNode* node = known->second;
    if (tag.kind == WrittenTag::Kind::SelfClosing)
      return fix(node->begin, node->end, fmt::format("<{}></{}>", name, name));
    const bool is_closed = node->end > node->content_end;
    fix(node->begin, node->end,
        fmt::format("<{}>{}{}", name, content(*node), is_closed ? fmt::format("</{}>", name) : std::string()));
  }

  void lint_bytes() {
    if (const auto bad = find_invalid_utf8(text_))
      tell("not-utf8", *bad, "save it as UTF-8", "byte {} is not UTF-8", *bad);
    if (text_.starts_with("\xEF\xBB\xBF")) {
      tell("byte-order-mark", 0, "save it without a byte order mark", "the text starts with a byte order mark");
      fix(0, 3, "");
    }
  }

  void lint_problem(const PromptProblem& p) {
    const std::string name = shown(p.name);
    switch (p.kind) {
      case PromptProblemKind::Unclosed:
        // Of an atom or a special token there is more to say, and it is said below.
        if (is_known_tag(p.name) || (!is_atom(p.name) && !is_special_tag(p.name)))
          tell("unclosed", p.at.offset, fmt::format("write </{}> where it ends", name), "<{}> is not closed", name);
        return;
      case PromptProblemKind::StrayClosing:
        if (is_known_tag(p.name) || (!is_atom(p.name) && !is_special_tag(p.name)))
          tell("stray-closing", p.at.offset, fmt::format("write <{}> where it starts, or take this away", name),
               "</{}> closes nothing", name);
        return;
      case PromptProblemKind::MismatchedClosing:
        tell("mismatched-closing", p.at.offset, "spell both alike", "<{}> is closed by </{}>", name, shown(p.found));
        if (const WrittenTag* tag = tag_at(p.at.offset);
            tag != nullptr && tag->kind == WrittenTag::Kind::Closing && is_known_tag(p.name))
          fix(tag->at.offset, tag->end, fmt::format("</{}>", p.name));
        return;
      case PromptProblemKind::BrokenTag:
        tell("broken-tag", p.at.offset, "write the > behind the name", "the tag {} has no >", name);
        return;
      case PromptProblemKind::SpacesInTag:
        tell("spaces-in-tag", p.at.offset, fmt::format("write <{}> or </{}>", name, name),
             "white space inside the tag {}: it is other text than the model was trained with", name);
        if (const WrittenTag* tag = tag_at(p.at.offset); tag != nullptr && tag->kind != WrittenTag::Kind::SelfClosing)
          fix(tag->at.offset, tag->end,
              fmt::format("<{}{}>", tag->kind == WrittenTag::Kind::Closing ? "/" : "", p.name));
        return;
      case PromptProblemKind::Attributes:
        tell("attributes", p.at.offset, "say it in the text of the element",
             "<{}> has attributes: the model knows none", name);
        return;
    }
  }

  // Names that mean nothing to the model, or something to a tokenizer.
  void lint_tags() {
    std::map<std::string_view, std::string_view> nearest;
    std::set<size_t> old;
    for (const PromptNode& node : tree_.nodes) {
      if (is_old_character(tree_, node)) old.insert(node.begin);
      if (node.kind == PromptNode::Kind::Element) elements_.emplace(node.begin, &node);
    }
    for (const WrittenTag& tag : tree_.tags) {
      if (is_known_tag(tag.name)) {
        if (tag.name == "general tags" && tag.kind == WrittenTag::Kind::Opening)
          tell("old-form", tag.at.offset, "write <general_tags>", "<general tags> has a blank for an underscore");
        if (tag.kind == WrittenTag::Kind::SelfClosing)
          tell("self-closing", tag.at.offset, fmt::format("write <{}></{}>", tag.name, tag.name),
               "<{}/> is other text than the model was trained with", tag.name);
        if (tag.kind == WrittenTag::Kind::SelfClosing) rename(tag, tag.name);
        continue;
      }
      if (is_special_tag(tag.name) || is_atom(tag.name)) {
        // <s> is both; Jina's is the worse one.
        if (is_atom(tag.name) && !is_special_tag(tag.name))
          tell("atom", tag.at.offset, "", "{} is one token for Gemma",
               text_.substr(tag.at.offset, tag.end - tag.at.offset));
        continue;
      }
      if (tag.kind == WrittenTag::Kind::Closing) continue;
      if (old.contains(tag.at.offset)) {
        tell("old-form", tag.at.offset, "newbie prompt format makes it a character_N",
             "<{}> is the element of an older builder's character", shown(tag.name));
        continue;
      }
      const auto [known, is_new] = nearest.emplace(tag.name, std::string_view{});
      if (is_new) known->second = nearest_known_tag(tag.name);
      tell("unknown-tag", tag.at.offset,
           known->second.empty() ? std::string("newbie prompt schema lists the known ones")
                                 : fmt::format("did you mean <{}>?", known->second),
           "the tag <{}> is unknown", shown(tag.name));
      if (!known->second.empty()) rename(tag, known->second);
    }
  }

  void lint_blocks() {
    std::map<int, const PromptNode*> characters;
    const PromptNode *general = nullptr, *caption = nullptr;
    int last = 0;
    for (const PromptNode& node : tree_.nodes) {
      if (node.kind != PromptNode::Kind::Element) continue;
      if (const auto number = character_number(node.name)) {
        const auto [first, is_new] = characters.emplace(*number, &node);
        if (!is_new)
          tell("duplicate-character", node.at.offset, "give each character a number of its own",
               "<{}> comes twice: the first is in line {}", node.name, first->second->at.line);
        else if (*number != last + 1)
          tell("numbering-gap", node.at.offset, fmt::format("expected character_{}", last + 1), "<{}> comes {}",
               node.name, last == 0 ? std::string("first") : fmt::format("after character_{}", last));
        last = *number;
        lint_character(node);
      } else if (is_general_tags(node.name)) {
        once(general, node, "<general_tags>");
        lint_fields(node, TagPlace::General);
      } else if (node.name == "caption") {
        once(caption, node, "<caption>");
      }
    }
  }

  void once(const PromptNode*& first, const PromptNode& node, std::string_view what) {
    if (first != nullptr)
      tell("duplicate-tag", node.at.offset, "one is enough", "{} comes twice: the first is in line {}", what,
           first->at.line);
    else
      first = &node;
  }

  void lint_character(const PromptNode& node) {
    const Fields fields = lint_fields(node, TagPlace::Character);
    if (!fields.says_something) {
      tell("empty-character", node.at.offset, "describe the character, or take the block away", "<{}> is empty",
           node.name);
      return;
    }
    const auto has = [&](std::string_view name) { return fields.seen.contains(name); };
    if (!has("gender") || is_blank(content(*fields.seen.at("gender"))))
      tell("missing-gender", node.at.offset, "write <gender>1girl</gender> or <gender>1boy</gender>",
           "<{}> has no gender", node.name);
    if (!has("n") && !has("name"))
      tell("missing-name", node.at.offset, "write <n>name</n>, or <n></n> for somebody without a name",
           "<{}> has no <n>", node.name);
  }

  struct Fields {
    std::map<std::string_view, const PromptNode*> seen;
    bool says_something = false;
  };

  Fields lint_fields(const PromptNode& block, TagPlace place) {
    Fields out;
    std::optional<size_t> loose;
    for (size_t i = block.first_child; i != PromptNode::kNone; i = tree_.nodes[i].next_sibling) {
      const PromptNode& child = tree_.nodes[i];
      const bool blank = is_blank(content(child));
      out.says_something = out.says_something || !blank;
      if (child.kind == PromptNode::Kind::Text) {
        if (!blank && !loose) loose = child.content_begin + content(child).find_first_not_of(" \t\r\n");
        continue;
      }
      if (!is_known_tag(child.name)) continue;
      if (find_prompt_tag(child.name, place) == nullptr)
        tell("misplaced-tag", child.at.offset, where_of(child.name), "<{}> stands in <{}>", child.name,
             shown(block.name));
      const auto [first, is_new] = out.seen.emplace(child.name, &child);
      if (!is_new)
        tell("duplicate-tag", child.at.offset, "join the two", "<{}> comes twice in <{}>: the first is in line {}",
             child.name, shown(block.name), first->second->at.line);
    }
    if (loose) tell("loose-text", *loose, "put it into a field", "text of <{}> stands in no field", shown(block.name));
    return out;
  }

  static std::string where_of(std::string_view name) {
    if (find_prompt_tag(name, TagPlace::Character)) return "its place is in <character_N>";
    if (find_prompt_tag(name, TagPlace::General)) return "its place is in <general_tags>";
    return "its place is beside the blocks";
  }

  // Marks in the running text.
  void lint_words() {
    for (size_t at = text_.find_first_of("<[&("); at != text_.npos; at = text_.find_first_of("<[&(", at + 1)) {
      const std::string_view rest = text_.substr(at);
      const auto starts = [&](std::string_view what) { return rest.starts_with(what); };
      if (const auto* s =
              std::find_if(std::begin(kSpecials), std::end(kSpecials), [&](auto& x) { return starts(x.text); });
          s != std::end(kSpecials))
        tell("special-token", at, "write it in another way", "{} is a special token for {}", s->text, s->of);
      else if (const auto* e = std::find_if(std::begin(kEntities), std::end(kEntities), starts);
               e != std::end(kEntities))
        lint_entity(at, static_cast<size_t>(e - std::begin(kEntities)));
      else if (const auto* m = std::find_if(std::begin(kMarkup), std::end(kMarkup), starts); m != std::end(kMarkup))
        tell("xml-markup", at, "take it away", "{} is text for the model", *m);
      else if (text_[at] == '(' && at > 0 && text_[at - 1] == '_')
        lint_parenthesis(at);
    }
  }

  void lint_entity(size_t at, size_t which) {
    tell("entity", at, "write the character itself", "{} is read letter by letter", kEntities[which]);
    fix(at, at + kEntities[which].size(), std::string(1, kEntityCharacters[which]));
  }

  void lint_parenthesis(size_t at) {
    tell("bare-parenthesis", at, "write it as in name_\\(series\\)", "a parenthesis without a backslash");
    const size_t end = text_.find_first_of("()\\,\n<", at + 1);
    if (end != text_.npos && text_[end] == ')')
      fix(at, end + 1, fmt::format("\\({}\\)", text_.substr(at + 1, end - at - 1)));
  }

  std::string_view content(const PromptNode& node) const {
    return text_.substr(node.content_begin, node.content_end - node.content_begin);
  }

  std::string_view text_;
  const PromptTree& tree_;
  std::map<size_t, const PromptNode*> elements_;  // by where they begin
  std::vector<Finding> findings_;
};

}  // namespace

std::string_view to_string(Severity severity) {
  return severity == Severity::Error ? "error" : severity == Severity::Warning ? "warning" : "info";
}

std::span<const LintRule> lint_rules() { return kRules; }

std::vector<Finding> lint_prompt(std::string_view text, const PromptTree& tree) { return Linter(text, tree).run(); }

std::vector<Finding> lint_tokens(const PromptTokens& tokens) {
  std::vector<Finding> out;
  for (const EncoderTokens* encoder : {&tokens.gemma, &tokens.jina}) {
    if (encoder->lost == 0) continue;
    const char* field = encoder == &tokens.gemma ? "`max_gemma_tokens`" : "`max_jina_tokens`";
    out.push_back(
        {"text-lost", rule("text-lost").severity, *encoder->lost_at,
         fmt::format("{} reads {} tokens: from here on {} are lost", encoder->encoder, encoder->limit, encoder->lost),
         fmt::format("shorten the prompt, or give {} {}", field, encoder->used + encoder->lost)});
  }
  return out;
}

}  // namespace newbie
