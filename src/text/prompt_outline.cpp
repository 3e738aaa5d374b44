#include "text/prompt_outline.h"

#include "text/prompt_tags.h"
#include "text/prompt_xml.h"

namespace newbie {

namespace {

OutlineElement element_of(const PromptNode& node) {
  return {std::string(node.name), node.begin, node.end, node.content_begin, node.content_end};
}

class Outline {
 public:
  explicit Outline(std::string_view text) : tree_(parse_prompt(text)) { look_into(tree_.root()); }

  std::vector<OutlineBlock> take() { return std::move(blocks_); }

 private:
  // Wrappers hold blocks; blocks hold fields. The tree is as deep as the text says, and only wrappers are gone into.
  void look_into(const PromptNode& parent) {
    std::vector<const PromptNode*> waiting{&parent};
    while (!waiting.empty()) {
      const PromptNode& node = *waiting.back();
      waiting.pop_back();
      std::vector<const PromptNode*> inside;
      for (const size_t child : tree_.children(node)) take(tree_.nodes[child], inside);
      waiting.insert(waiting.end(), inside.rbegin(), inside.rend());
    }
  }

  void take(const PromptNode& node, std::vector<const PromptNode*>& wrappers) {
    if (node.kind != PromptNode::Kind::Element) return;
    if (is_general_tags(node.name)) return add(node, OutlineBlock::Kind::General);
    if (character_number(node.name) || is_old_character(tree_, node)) return add(node, OutlineBlock::Kind::Character);
    if (find_prompt_tag(node.name, TagPlace::Wrapper) != nullptr) wrappers.push_back(&node);
  }

  void add(const PromptNode& node, OutlineBlock::Kind kind) {
    OutlineBlock block{element_of(node), kind, {}};
    for (const size_t child : tree_.children(node))
      if (const PromptNode& field = tree_.nodes[child]; field.kind == PromptNode::Kind::Element)
        block.fields.push_back(element_of(field));
    blocks_.push_back(std::move(block));
  }

  PromptTree tree_;
  std::vector<OutlineBlock> blocks_;
};

OrderedJson place_json(const OutlineElement& e) {
  return {{"name", e.name},
          {"begin", e.begin},
          {"end", e.end},
          {"content_begin", e.content_begin},
          {"content_end", e.content_end}};
}

}  // namespace

std::vector<OutlineBlock> outline_prompt(std::string_view text) { return Outline(text).take(); }

OrderedJson outline_json(const std::vector<OutlineBlock>& blocks) {
  OrderedJson out = OrderedJson::array();
  for (const OutlineBlock& block : blocks) {
    OrderedJson one = place_json(block);
    one["kind"] = block.kind == OutlineBlock::Kind::General ? "general" : "character";
    one["fields"] = OrderedJson::array();
    for (const OutlineElement& field : block.fields) one["fields"].push_back(place_json(field));
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace newbie
