// The system prompts that the model was trained with or is used with (spec/prompts.md §4), by name.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace newbie {

struct NamedSystemPrompt {
  std::string_view name;
  std::string_view text;   // put in front of the prompt as it is: nothing is inserted between
  std::string_view about;  // one line for help texts
};

std::span<const NamedSystemPrompt> system_prompts();

struct SystemPrompt {
  std::string name;  // of the table, or "custom"
  std::string text;
};

// A known name gives its text, an empty string gives none, any other string is itself the prefix ("custom").
// Without a choice: `xml` when `prompt` holds a known tag (prompt_tags.h), else `tags`.
SystemPrompt resolve_system_prompt(const std::optional<std::string>& name_or_text, std::string_view prompt);

}  // namespace newbie
