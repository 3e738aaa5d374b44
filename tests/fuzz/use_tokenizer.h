// What any tokenizer promises for any text, whatever file it was made from.
#pragma once

#include <algorithm>

#include "fuzz/target.h"
#include "text/tokenizer.h"

namespace newbie::fuzz {

// Encodes `text` whole and cut to `limit`. BadFile is allowed for tokenizers made of hostile files, whose tables may
// lead nowhere.
inline void use_tokenizer(const Tokenizer& tokenizer, std::string_view text, size_t limit,
                          std::initializer_list<ErrorKind> kinds) {
  constexpr size_t kNoLimit = size_t{1} << 40;
  TokenizedText whole, cut;
  if (!survives(kinds, [&] { whole = tokenizer.encode(text, kNoLimit); })) return;
  for (int32_t id : whole.ids) require(id >= 0 && id < tokenizer.vocabulary_size(), "every id is in the vocabulary");
  require(whole.lost_tokens == 0 && whole.lost_text.empty(), "nothing is lost without a limit");
  if (!survives({ErrorKind::InvalidRequest}, [&] { cut = tokenizer.encode(text, limit); })) return;
  require(cut.ids.size() <= limit, "a limit is kept");
  require(cut.ids.size() + cut.lost_tokens == whole.ids.size(), "lost tokens are counted");
  require(text.ends_with(cut.lost_text), "the lost text is the end of the text");
}

}  // namespace newbie::fuzz
