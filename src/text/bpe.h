// Byte-pair encoding over a whole text (no words), with bytes for characters outside the vocabulary.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "text/token_sequence.h"
#include "text/utf8.h"

namespace newbie {

class Bpe {
 public:
  struct Merge {
    int32_t left, right, result;
  };
  struct Vocabulary {
    std::unordered_map<char32_t, int32_t> characters;  // pieces of one character
    std::array<int32_t, 256> bytes{};                  // `<0x00>` … `<0xFF>`
    int32_t size = 0;                                  // all ids are in [0, size)
  };

  // `merges` in order of rank, best first. A pair that is listed twice has its last rank.
  Bpe(Vocabulary vocabulary, std::span<const Merge> merges);

  // Appends the tokens of `text`. Of all neighbours that can merge, the pair of the lowest rank is merged first, and
  // of equal ranks the leftmost. O(n log n).
  void encode(std::span<const Character> text, std::vector<Token>& out) const;

 private:
  struct Rule {
    int32_t right;
    uint32_t rank;
    int32_t result;
  };

  const Rule* find_rule(int32_t left, int32_t right) const;

  Vocabulary vocabulary_;
  std::vector<uint32_t> first_rule_;  // rules of a left id: [first_rule_[id], first_rule_[id + 1]), sorted by `right`
  std::vector<Rule> rules_;
};

}  // namespace newbie
