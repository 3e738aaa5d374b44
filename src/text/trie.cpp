#include "text/trie.h"

#include <algorithm>

#include "core/error.h"

namespace newbie {

Trie::Trie(std::vector<Entry> entries, std::string_view where) {
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.key < b.key; });
  // Level by level: entries [begin, end) share their first `depth` characters, which lead to `node`.
  struct Range {
    uint32_t node;
    size_t begin, end, depth;
  };
  std::vector<Range> ranges{{0, 0, entries.size(), 0}};
  nodes_.emplace_back();
  labels_.push_back(0);
  for (size_t r = 0; r < ranges.size(); ++r) {
    Range range = ranges[r];
    if (range.begin < range.end && entries[range.begin].key.size() == range.depth) {
      if (range.depth == 0) fail(ErrorKind::BadFile, "{}: an empty piece in the vocabulary", where);
      nodes_[range.node].value = entries[range.begin].value;
      ++range.begin;
      if (range.begin < range.end && entries[range.begin].key.size() == range.depth) {
        fail(ErrorKind::BadFile, "{}: ids {} and {} have the same text", where, entries[range.begin - 1].value,
             entries[range.begin].value);
      }
    }
    nodes_[range.node].first_child = static_cast<uint32_t>(nodes_.size());
    for (size_t i = range.begin; i < range.end;) {
      const char32_t label = entries[i].key[range.depth];
      const size_t first = i;
      while (i < range.end && entries[i].key[range.depth] == label) ++i;
      ranges.push_back({static_cast<uint32_t>(nodes_.size()), first, i, range.depth + 1});
      nodes_.emplace_back();
      labels_.push_back(label);
      ++nodes_[range.node].child_count;
    }
  }
}

uint32_t Trie::find_child(uint32_t node, char32_t label) const {
  if (nodes_.empty()) return 0;
  const auto begin = labels_.begin() + nodes_[node].first_child;
  const auto end = begin + nodes_[node].child_count;
  const auto found = std::lower_bound(begin, end, label);
  return found != end && *found == label ? static_cast<uint32_t>(found - labels_.begin()) : 0;
}

std::optional<Trie::Match> Trie::longest_prefix(std::span<const Character> text) const {
  std::optional<Match> longest;
  for_each_prefix(text, [&](Match match) { longest = match; });
  return longest;
}

}  // namespace newbie
