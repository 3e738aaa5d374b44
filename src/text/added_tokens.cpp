#include "text/added_tokens.h"

namespace newbie {

AddedTokens::AddedTokens(std::span<const AddedToken> tokens, std::string_view where)
    : tokens_(tokens.begin(), tokens.end()) {
  std::vector<Trie::Entry> entries;
  for (size_t i = 0; i < tokens_.size(); ++i) entries.push_back({tokens_[i].content, static_cast<int32_t>(i)});
  trie_ = Trie(std::move(entries), where);
}

std::vector<AddedTokens::Segment> AddedTokens::split(std::span<const Character> text) const {
  std::vector<Segment> out;
  size_t done = 0;
  for (size_t i = 0; i < text.size();) {
    const std::optional<Trie::Match> match = trie_.longest_prefix(text.subspan(i));
    if (!match) {
      ++i;
      continue;
    }
    const AddedToken& token = tokens_[static_cast<size_t>(match->value)];
    size_t begin = i;
    while (token.strips_left && begin > done && is_white_space(text[begin - 1].code_point)) --begin;
    i += match->length;
    if (begin > done) out.push_back({text.subspan(done, begin - done), std::nullopt});
    out.push_back({text.subspan(begin, i - begin), token.id});
    done = i;
  }
  if (done < text.size()) out.push_back({text.subspan(done), std::nullopt});
  return out;
}

}  // namespace newbie
