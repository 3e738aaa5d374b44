// A structured prompt as a tree. The models read the text as it is and know no XML (spec/prompts.md §2), so nothing
// has to be well-formed: everything is read to the end, and what looks like a slip is noted with line and column.
//
// A tag is `<name>`, `</name>` or `<name/>`. A name starts with a letter, `_` or a character beyond ASCII and goes on
// with these, digits, `.` and `-`; "general tags" is one, too. Every other `<` is text: `>_<`, `<3`, `<Prompt Start>`,
// and comments, which the models read, too. A tag stands on one line.
//
// What belongs together:
//  - An opening and a closing tag of one name are a pair as brackets are, whatever stands between.
//  - A known element without a partner goes on until something that cannot be inside it: a field ends at the next known
//    tag, a block at the next block, both where an element around them ends.
//  - An element of an unknown name without a partner, or whose partner comes after its parent's end, is empty.
//  - Where one tag of a pair is misspelt, they are a pair nevertheless.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace newbie {

struct TextPosition {
  size_t offset = 0;            // bytes
  size_t line = 1, column = 1;  // characters
};

// Positions of rising offsets: a walk through the text once, whatever is asked.
class PositionCursor {
 public:
  explicit PositionCursor(std::string_view text) : text_(text) {}
  TextPosition at(size_t offset);  // offset: not before the last one asked

 private:
  std::string_view text_;
  TextPosition here_;
};

enum class PromptProblemKind : uint8_t {
  Unclosed,           // name: of the element
  StrayClosing,       // name: of the tag
  MismatchedClosing,  // name: of the element, found: of the tag that closed it
  BrokenTag,          // a known name behind `<` and no `>`
  SpacesInTag,        // `<n >`: read as the tag; the models see something else
  Attributes,         // `<n a="b">`: read as the tag; the models see something else
};

struct PromptProblem {
  PromptProblemKind kind;
  TextPosition at;
  std::string_view name, found;
};

struct PromptNode {
  enum class Kind : uint8_t { Root, Element, Text };
  static constexpr size_t kNone = static_cast<size_t>(-1);

  Kind kind = Kind::Root;
  std::string_view name;  // of an element
  TextPosition at;
  size_t begin = 0, end = 0;  // bytes, tags included
  // Bytes between the tags; of a text: without the closing tag in front of it that closes nothing.
  size_t content_begin = 0, content_end = 0;
  bool self_closing = false;
  size_t first_child = kNone, last_child = kNone, next_sibling = kNone;  // indices of PromptTree::nodes
};

struct WrittenTag {  // a tag as it stands in the text
  enum class Kind : uint8_t { Opening, Closing, SelfClosing };
  Kind kind;
  std::string_view name;
  TextPosition at;
  size_t end;
  bool stray = false;  // a closing tag that closes nothing
};

struct PromptTree {
  std::vector<PromptNode> nodes;        // nodes[0] is the root: the whole text
  std::vector<WrittenTag> tags;         // in order
  std::vector<PromptProblem> problems;  // in order

  const PromptNode& root() const { return nodes.front(); }
  std::vector<size_t> children(const PromptNode& node) const;
};

// Never throws for what is written in `text`, which may be any bytes, and must outlive the tree. Time is linear.
PromptTree parse_prompt(std::string_view text);

// A character of the older builder, whose element has the character's own name: `<rem><name>rem</name> …</rem>`. All
// elements inside must be a character's fields.
bool is_old_character(const PromptTree& tree, const PromptNode& node);

}  // namespace newbie
