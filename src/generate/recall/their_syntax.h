// What stands in prompts of other programs and is more than words there, beyond weights and adapters
// (brackets.h, adapter_tags.h): here it is read as words, and that is told.
#pragma once

#include "generate/recall/said.h"

namespace newbie {

enum class SyntaxOf { Others, A1111, InvokeAi, NovelAi };

// Of both prompts, before their brackets are rewritten.
void tell_syntax(Said& said, SyntaxOf program);

// InvokeAI's ("a", "b").blend(0.5, 0.5) and its like, whose brackets are no weights.
bool has_compel_call(std::string_view prompt);

}  // namespace newbie
