// What the encoders read of a prompt: their tokens as places in the text, how many of them each block takes, and where
// a limit cuts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/prompt_xml.h"
#include "text/routing.h"
#include "text/tokenizer.h"

namespace newbie {

struct TokenOptions {
  Routing routing = Routing::Official;
  std::optional<std::string> system_prompt;  // as GenerateRequest has it
  size_t max_gemma_tokens = 512;
  size_t max_jina_tokens = 2048;
};

struct TokenPiece {
  enum class Source : uint8_t { Special, SystemPrompt, Prompt };
  int32_t id = 0;
  Source source = Source::Prompt;
  // The bytes of EncoderTokens::text it stands for; white space that a tokenizer swallows belongs to the piece before
  // it. Empty for specials, and where a later id shares the character.
  size_t begin = 0, end = 0;
  bool lost = false;  // beyond the limit
};

struct BlockTokens {
  std::string_view name;  // "character_1"; views the prompt
  TextPosition at;
  size_t count = 0;  // tags included
};

struct EncoderTokens {
  std::string encoder;             // "Gemma", "Jina CLIP"
  std::string text;                // all that it reads
  size_t prompt_begin = 0;         // where the prompt starts in it
  std::vector<TokenPiece> pieces;  // in order, without the limit
  size_t limit = 0;                // specials included
  size_t used = 0;                 // within the limit
  size_t lost = 0;
  std::optional<TextPosition> lost_at;  // in the prompt, when a part of it is lost
  std::vector<BlockTokens> blocks;      // characters, general_tags, caption, as they stand
};

struct PromptTokens {
  std::string system_prompt;  // the text in front
  EncoderTokens gemma, jina;
};

// Error{InvalidRequest} for text that is not UTF-8, or limits below the special tokens.
PromptTokens count_prompt_tokens(std::string_view prompt, const PromptTree& tree, const Tokenizer& gemma,
                                 const Tokenizer& jina, const TokenOptions& options);

}  // namespace newbie
