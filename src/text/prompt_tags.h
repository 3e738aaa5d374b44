// The tag names of structured prompts (spec/prompts.md §2), in their canonical order: what tells an XML prompt from a
// list of tags or a sentence, and what the linter, the formatter and the schema know.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace newbie {

enum class TagPlace : uint8_t {
  Character,  // a field of <character_N>
  General,    // a field of <general_tags>
  Top,        // beside the blocks: caption, danbooru_tags
  Wrapper,    // around everything: a root that some builders write
};

struct PromptTag {
  std::string_view name;
  TagPlace place;
  std::string_view about;            // one line, for the schema and for help texts
  bool required = false;             // builders write it even when it is empty
  std::string_view variant_of = {};  // an older spelling: the canonical name
};

// All but `character_N` and `general_tags`, canonical order within each place. `body_type` comes twice: older builders
// put it into the character.
std::span<const PromptTag> prompt_tags();

inline constexpr std::string_view kGeneralTags = "general_tags";
bool is_general_tags(std::string_view name);  // also written "general tags"

// N of `character_N`: 1, 2, … without leading zeros, up to nine digits.
std::optional<int> character_number(std::string_view name);

// The row of `name` at a place, or nullptr.
const PromptTag* find_prompt_tag(std::string_view name, TagPlace place);

// `character_1` … (any number from 1), `general_tags`, `caption`, their children, and the wrappers seen in the wild.
bool is_known_tag(std::string_view name);

// The known name that `name` looks like a misspelling of; empty when there is none.
std::string_view nearest_known_tag(std::string_view name);

// Whether `prompt` holds the opening tag of a known name, as `<name>` or `<name/>`. The text around it is free.
bool has_known_tag(std::string_view prompt);

}  // namespace newbie
