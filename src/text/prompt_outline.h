// The parts of a structured prompt that a form shows: characters and general tags with their fields, each with the
// stretch of text it is. A form edits these stretches and leaves the rest as it stands.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"

namespace newbie {

struct OutlineElement {
  std::string name;
  size_t begin = 0, end = 0;                  // bytes, tags included
  size_t content_begin = 0, content_end = 0;  // between the tags
};

struct OutlineBlock : OutlineElement {
  enum class Kind { Character, General };
  Kind kind = Kind::Character;
  std::vector<OutlineElement> fields;  // elements in it, as they come
};

// In the order of the text, whether or not a wrapper stands around them. Never throws for what is written in `text`.
std::vector<OutlineBlock> outline_prompt(std::string_view text);

// [{kind: "character" | "general", name, begin, end, content_begin, content_end, fields: […]}]
OrderedJson outline_json(const std::vector<OutlineBlock>& blocks);

}  // namespace newbie
