// Any bytes as a structured prompt: read to the end, checked, put in order and made from tags.
#include <algorithm>

#include "fuzz/target.h"
#include "text/prompt_format.h"
#include "text/prompt_from_tags.h"
#include "text/prompt_lint.h"
#include "text/prompt_tags.h"

using namespace newbie;

namespace {

// Children lie in their parent, one after the other.
void check_node(const PromptTree& tree, const PromptNode& node) {
  fuzz::require(
      node.begin <= node.content_begin && node.content_begin <= node.content_end && node.content_end <= node.end,
      "content lies in its node");
  size_t at = node.content_begin;
  for (const size_t index : tree.children(node)) {
    const PromptNode& child = tree.nodes.at(index);
    fuzz::require(child.begin >= at && child.end >= child.begin && child.end <= node.content_end,
                  "children follow each other in their parent");
    at = child.end;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  const PromptTree tree = parse_prompt(text);
  fuzz::require(tree.root().begin == 0 && tree.root().end == size, "the root is the whole text");
  for (const PromptNode& node : tree.nodes) check_node(tree, node);
  for (const Finding& finding : lint_prompt(text, tree))
    fuzz::require(finding.at.offset <= size && !finding.message.empty(), "findings have a place and words");
  const PromptFormat format{.escape = size % 2 == 1};
  const std::string once = format_prompt(text, format);
  fuzz::require(format_prompt(once, format) == once, "formatting twice is formatting once");
  std::string made;
  const bool is_list = fuzz::survives({ErrorKind::InvalidRequest}, [&] { made = prompt_from_tags(text); });
  fuzz::require(is_list != has_known_tag(text), "a list of tags has no elements");
  return 0;
}
