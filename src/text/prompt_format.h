// A structured prompt in its canonical form, the one of the model's own README (spec/prompts.md §3).
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace newbie {

struct PromptFormat {
  bool escape = false;  // & < > in texts as entities, as builders on an XML library write them; the models decode none
};

// Blocks by number, then general_tags, then caption, a blank line between them; every field on a line of its own, in
// canonical order; white space and commas evened out. Empty fields go, but not n and gender. Fields that come twice are
// joined, elements that are not closed are closed, closing tags that close nothing, an XML declaration and the roots
// <image> and <document> go. An older builder's <rem><name>rem</name> … becomes a <character_N> with an <n>. Words are
// never lost and nothing is invented: what stands outside of known tags stays, before or behind the blocks.
// Formatting twice is formatting once. A prompt without known tags keeps its words and lines.
std::string format_prompt(std::string_view text, const PromptFormat& format = {});

struct PromptField {
  std::string_view name;
  std::string_view text;
};

// <name>, a line for each field, </name>.
std::string write_block(std::string_view name, std::span<const PromptField> fields);

}  // namespace newbie
