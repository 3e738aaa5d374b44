// Prompt weights, `(blue hair:1.2)`: markup of web pages that says how much parts of a prompt count (spec/prompts.md
// §8, docs/prompt-weights.md). Off unless a request asks for it: a prompt may have brackets of its own.
//
//   (text:1.3)  times 1.3      (text)  times 1.1      [text]  times 0.9      {text}  times 1.2
//
// What is nested multiplies. A backslash before a bracket makes it a letter; every other backslash is one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/prompt_xml.h"
#include "text/tokenizer.h"

namespace newbie {

constexpr double kMaxPromptWeight = 10;

struct WeightedSpan {
  size_t begin, end;  // bytes of WeightedPrompt::text
  double weight;      // 0 to kMaxPromptWeight, never 1
};

struct WeightProblem {
  TextPosition at;  // in the text with markup
  std::string message;
};

struct WeightedPrompt {
  std::string text;                 // without markup, otherwise letter for letter
  std::vector<WeightedSpan> spans;  // rising, apart; what lies between them has weight 1
  std::vector<WeightProblem> problems;
};

// Reads any bytes to the end; what is broken stays in the text. Time is linear.
WeightedPrompt read_weights(std::string_view marked);

// The same for people who want to draw: Error{InvalidRequest} "what:line:column: …" for the first problem.
WeightedPrompt parse_weights(std::string_view marked, std::string_view what);

// The weight of every id of `tokens`, which were made from `read`; the spans are of read.substr(prompt_begin). A token
// has the mean weight of its bytes, white space not counted (tokenizers put the space before a word into its token)
// unless it is nothing else. Ids of the template, and those cut off, have 1. Empty when every weight is 1.
std::vector<float> token_weights(std::string_view read, size_t prompt_begin, const std::vector<WeightedSpan>& spans,
                                 const TokenizedText& tokens);

}  // namespace newbie
