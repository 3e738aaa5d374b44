// What is found and counted in a prompt, as JSON for programs: the command line's --json and the server answer with it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "text/prompt_lint.h"
#include "text/prompt_tokens.h"

namespace newbie {

// {code, severity, line, column, offset, message, hint} for each.
OrderedJson findings_json(std::span<const Finding> findings);

// Both encoders: how many tokens, of how many, what is lost and where, by block; every token on demand.
OrderedJson tokens_json(const PromptTokens& tokens, bool with_pieces);

// Tokens of one source among an encoder's.
size_t count_source(const EncoderTokens& encoder, TokenPiece::Source source);

// Everything that is wrong or worth knowing about a prompt: from its text, from its weights (`weighted`: it has their
// markup), and from what the encoders lose, where it is text at all.
struct PromptReport {
  std::vector<Finding> findings;
  std::shared_ptr<const std::string> plain;  // without markup; the blocks of `tokens` view it
  std::optional<PromptTokens> tokens;
};
// {findings, errors, warnings, infos, tokens}: tokens without pieces, null where the text is none.
OrderedJson report_json(const PromptReport& report);
// How many findings are as severe as that.
size_t count_findings(const PromptReport& report, Severity severity);

// Without `count` the encoders are not asked.
using CountTokens = std::function<PromptTokens(std::string_view text, const PromptTree& tree)>;
PromptReport report_prompt(std::string_view text, bool weighted, const CountTokens& count);

}  // namespace newbie
