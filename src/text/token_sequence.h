// From the tokens of a text to what a model is given: special tokens around them, and a limit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace newbie {

struct Token {
  int32_t id;
  size_t begin;  // byte offset in the original text
};

// HuggingFace's TemplateProcessing for one text: ids before and after it.
struct SequenceTemplate {
  std::vector<int32_t> before;
  std::vector<int32_t> after;
};

// Keeps the first max_tokens - |template| tokens. `text` is the original that the tokens' offsets refer to.
TokenizedText frame_tokens(std::string_view text, std::span<const Token> tokens, const SequenceTemplate& frame,
                           size_t max_tokens);

}  // namespace newbie
