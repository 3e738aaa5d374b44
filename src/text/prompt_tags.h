// The tag names of structured prompts (spec/prompts.md §2): what tells an XML prompt from a list of tags or a sentence.
#pragma once

#include <string_view>

namespace newbie {

// `character_1` … (any number from 1), `general_tags`, `caption`, their children, and the wrappers seen in the wild.
bool is_known_tag(std::string_view name);

// Whether `prompt` holds the opening tag of a known name, as `<name>` or `<name/>`. The text around it is free.
bool has_known_tag(std::string_view prompt);

}  // namespace newbie
