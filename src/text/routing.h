// Which encoder reads which text (spec/prompts.md §4, "Routing").
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "core/named.h"

namespace newbie {

enum class Routing {
  Official,  // Gemma reads system prompt + prompt, Jina the prompt alone: the trainer, the demo and the custom nodes
  ComfyUi,   // both read system prompt + prompt: to reproduce pictures of ComfyUI's own nodes
};

std::span<const Named<Routing>> routings();

struct EncoderTexts {
  std::string gemma_text;
  std::string jina_text;
};

// Nothing is inserted between the two. An empty positive prompt still gets its system prompt.
EncoderTexts route_prompt(std::string_view prompt, std::string_view system_prompt, Routing routing);

// The same, except that an empty negative prompt stays empty for both.
EncoderTexts route_negative_prompt(std::string_view prompt, std::string_view system_prompt, Routing routing);

}  // namespace newbie
