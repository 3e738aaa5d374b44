// A static prefix tree over code points: which of many known strings start at this place of a text?
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/utf8.h"

namespace newbie {

class Trie {
 public:
  struct Entry {
    std::u32string key;
    int32_t value;  // >= 0
  };
  struct Match {
    size_t length;  // in characters
    int32_t value;
  };

  Trie() = default;
  // Error{BadFile} naming `where` when a key is empty or occurs twice.
  Trie(std::vector<Entry> entries, std::string_view where);

  // Calls visit(Match) for every key that `text` starts with, shortest first.
  template <typename Visit>
  void for_each_prefix(std::span<const Character> text, Visit visit) const {
    uint32_t node = 0;
    for (size_t i = 0; i < text.size(); ++i) {
      node = find_child(node, text[i].code_point);
      if (node == 0) return;
      if (nodes_[node].value >= 0) visit(Match{i + 1, nodes_[node].value});
    }
  }

  std::optional<Match> longest_prefix(std::span<const Character> text) const;

 private:
  struct Node {
    uint32_t first_child = 0;
    uint32_t child_count = 0;
    int32_t value = -1;
  };

  uint32_t find_child(uint32_t node, char32_t label) const;  // 0 (the root) when there is none

  std::vector<Node> nodes_;       // children of a node stand together, sorted by label
  std::vector<char32_t> labels_;  // of nodes_
};

}  // namespace newbie
