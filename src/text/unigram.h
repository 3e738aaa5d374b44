// Unigram language model: the split of a word into pieces whose log-probabilities have the largest sum.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "text/token_sequence.h"
#include "text/trie.h"
#include "text/utf8.h"

namespace newbie {

class Unigram {
 public:
  struct Piece {
    std::u32string text;
    float score;  // log-probability, finite
  };

  // The index of a piece is its id. Error{BadFile} naming `where` for empty or equal pieces, or unknown_id out of
  // range.
  Unigram(std::span<const Piece> pieces, int32_t unknown_id, std::string_view where);

  // Appends the tokens of `word`. A character that is no piece costs (lowest score - 10); neighbouring unknown
  // characters become one unknown token. Of equal sums the split found first is kept, scanning starts left to right
  // and lengths upwards.
  void encode(std::span<const Character> word, std::vector<Token>& out) const;

  int32_t unknown_id() const { return unknown_id_; }

 private:
  Trie trie_;                   // value: id
  std::vector<double> scores_;  // sums of floats in double are exact at this size, so equal sums compare equal
  int32_t unknown_id_;
  double unknown_score_;
};

}  // namespace newbie
