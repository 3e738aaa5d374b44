#include "text/token_sequence.h"

#include <algorithm>

#include "core/error.h"

namespace newbie {

TokenizedText frame_tokens(std::string_view text, std::span<const Token> tokens, const SequenceTemplate& frame,
                           size_t max_tokens) {
  const size_t specials = frame.before.size() + frame.after.size();
  if (max_tokens < specials) {
    fail(ErrorKind::InvalidRequest, "token limit {} is too small: the model's {} special tokens must fit", max_tokens,
         specials);
  }
  const size_t kept = std::min(tokens.size(), max_tokens - specials);
  TokenizedText out{.specials_before = frame.before.size(), .specials_after = frame.after.size()};
  out.ids.reserve(kept + specials);
  out.begins.reserve(kept + specials);
  const auto add = [&](int32_t id, size_t begin) {
    out.ids.push_back(id);
    out.begins.push_back(begin);
  };
  for (const int32_t id : frame.before) add(id, 0);
  for (const Token& token : tokens.first(kept)) add(token.id, token.begin);
  for (const int32_t id : frame.after) add(id, text.size());
  if (kept < tokens.size()) {
    out.lost_tokens = tokens.size() - kept;
    out.lost_text = text.substr(tokens[kept].begin);
  }
  return out;
}

}  // namespace newbie
