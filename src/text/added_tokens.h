// Tokens that are cut out of a text before anything else happens: `<bos>`, `<mask>`, `<table>`, runs of newlines.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/trie.h"
#include "text/utf8.h"

namespace newbie {

struct AddedToken {
  std::u32string content;
  int32_t id = 0;
  bool strips_left = false;  // swallows the white space before it
  bool normalized = false;   // searched in the normalised text instead of the raw one
};

class AddedTokens {
 public:
  // Either a token (`id` is set) or the text between two tokens.
  struct Segment {
    std::span<const Character> text;
    std::optional<int32_t> id;
  };

  AddedTokens() = default;
  // Uses all of `tokens`, whatever their `normalized` says. Error{BadFile} naming `where` for empty or equal contents.
  AddedTokens(std::span<const AddedToken> tokens, std::string_view where);

  // Leftmost token first, the longest of those that start there; the segments together are `text`.
  std::vector<Segment> split(std::span<const Character> text) const;

 private:
  std::vector<AddedToken> tokens_;
  Trie trie_;  // value: index in tokens_
};

}  // namespace newbie
