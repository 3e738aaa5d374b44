#include "text/unigram.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace newbie {

Unigram::Unigram(std::span<const Piece> pieces, int32_t unknown_id, std::string_view where) : unknown_id_(unknown_id) {
  if (unknown_id < 0 || static_cast<size_t>(unknown_id) >= pieces.size()) {
    fail(ErrorKind::BadFile, "{}: unknown token has id {}, the vocabulary has {} pieces", where, unknown_id,
         pieces.size());
  }
  std::vector<Trie::Entry> entries;
  entries.reserve(pieces.size());
  double lowest = static_cast<double>(pieces.front().score);
  for (const Piece& piece : pieces) {
    if (!std::isfinite(piece.score)) {
      fail(ErrorKind::BadFile, "{}: piece {} has the score {}", where, scores_.size(), piece.score);
    }
    entries.push_back({piece.text, static_cast<int32_t>(scores_.size())});
    scores_.push_back(static_cast<double>(piece.score));
    lowest = std::min(lowest, scores_.back());
  }
  unknown_score_ = lowest - 10.0;
  trie_ = Trie(std::move(entries), where);
}

void Unigram::encode(std::span<const Character> word, std::vector<Token>& out) const {
  struct Node {  // the best split of the characters before this one
    double score = 0;
    size_t from = 0;
    int32_t id = -1;  // of its last piece; -1: not reached yet
  };
  std::vector<Node> nodes(word.size() + 1);
  for (size_t begin = 0; begin < word.size(); ++begin) {
    const double so_far = nodes[begin].score;
    const auto offer = [&](size_t length, int32_t id, double score) {
      Node& end = nodes[begin + length];
      if (end.id < 0 || so_far + score > end.score) end = {so_far + score, begin, id};
    };
    bool single = false;
    trie_.for_each_prefix(word.subspan(begin), [&](Trie::Match match) {
      offer(match.length, match.value, scores_[static_cast<size_t>(match.value)]);
      single = single || match.length == 1;
    });
    if (!single) offer(1, unknown_id_, unknown_score_);
  }
  const size_t first = out.size();
  for (size_t end = word.size(); end > 0; end = nodes[end].from) {
    const Node& node = nodes[end];
    if (node.id == unknown_id_ && out.size() > first && out.back().id == unknown_id_) {
      out.back().begin = word[node.from].begin;
    } else {
      out.push_back({node.id, word[node.from].begin});
    }
  }
  std::reverse(out.begin() + static_cast<std::ptrdiff_t>(first), out.end());
}

}  // namespace newbie
