// What is wrong, doubtful or worth knowing about a prompt. The model reads any text, so nothing here stops a picture.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/prompt_tokens.h"
#include "text/prompt_xml.h"

namespace newbie {

enum class Severity : uint8_t {
  Error,    // surely a slip: the structure is broken
  Warning,  // probably not meant so
  Info,
};

std::string_view to_string(Severity severity);

// The kinds of findings, for documents and programs; codes stay the same from version to version.
struct LintRule {
  std::string_view code;
  Severity severity;
  std::string_view about;
};
std::span<const LintRule> lint_rules();

// What makes it right without a decision of the writer's: bytes [begin, end) become `text`.
struct Fix {
  size_t begin = 0, end = 0;
  std::string text;
};

struct Finding {
  std::string_view code;
  Severity severity;
  TextPosition at;
  std::string message;
  std::string hint;  // what to do; may be empty
  std::optional<Fix> fix = {};
};

// Everything that can be said from the text, in its order. `text` is what `tree` was made from; any bytes.
std::vector<Finding> lint_prompt(std::string_view text, const PromptTree& tree);

// What the encoders lose, one finding an encoder.
std::vector<Finding> lint_tokens(const PromptTokens& tokens);

}  // namespace newbie
