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
  TokenizedText out;
  out.ids.reserve(kept + specials);
  out.ids = frame.before;
  for (const Token& token : tokens.first(kept)) out.ids.push_back(token.id);
  out.ids.insert(out.ids.end(), frame.after.begin(), frame.after.end());
  if (kept < tokens.size()) {
    out.lost_tokens = tokens.size() - kept;
    out.lost_text = text.substr(tokens[kept].begin);
  }
  return out;
}

}  // namespace newbie
