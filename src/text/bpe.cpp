#include "text/bpe.h"

#include <algorithm>
#include <limits>
#include <queue>
#include <string>

#include "core/error.h"

namespace newbie {
namespace {

constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();

// A doubly linked list in one vector: merging swallows the right neighbour.
struct Symbol {
  int32_t id;  // -1: swallowed
  uint32_t previous, next;
  size_t begin;
};

// A merge that was possible when it was queued; it is stale once either symbol has changed.
struct Candidate {
  uint32_t rank;
  uint32_t left, right;       // symbols
  int32_t left_id, right_id;  // what they were
  int32_t result;

  bool operator<(const Candidate& other) const {  // std::priority_queue serves the largest
    return rank != other.rank ? rank > other.rank : left > other.left;
  }
};

}  // namespace

Bpe::Bpe(Vocabulary vocabulary, std::span<const Merge> merges) : vocabulary_(std::move(vocabulary)) {
  // Count, then fill: a counting sort by left id that keeps the order of ranks.
  const auto ids = static_cast<size_t>(vocabulary_.size);
  first_rule_.assign(ids + 1, 0);
  for (const Merge& merge : merges) ++first_rule_[static_cast<size_t>(merge.left) + 1];
  for (size_t id = 0; id < ids; ++id) first_rule_[id + 1] += first_rule_[id];
  rules_.resize(merges.size());
  std::vector<uint32_t> next(first_rule_.begin(), first_rule_.end() - 1);
  uint32_t rank = 0;
  for (const Merge& merge : merges) {
    rules_[next[static_cast<size_t>(merge.left)]++] = {merge.right, rank++, merge.result};
  }
  for (size_t id = 0; id < ids; ++id) {
    std::stable_sort(rules_.begin() + first_rule_[id], rules_.begin() + first_rule_[id + 1],
                     [](const Rule& a, const Rule& b) { return a.right < b.right; });
  }
}

const Bpe::Rule* Bpe::find_rule(int32_t left, int32_t right) const {
  const auto begin = rules_.begin() + first_rule_[static_cast<size_t>(left)];
  const auto end = rules_.begin() + first_rule_[static_cast<size_t>(left) + 1];
  const auto after =
      std::upper_bound(begin, end, right, [](int32_t value, const Rule& rule) { return value < rule.right; });
  return after != begin && (after - 1)->right == right ? &*(after - 1) : nullptr;
}

void Bpe::encode(std::span<const Character> text, std::vector<Token>& out) const {
  std::vector<Symbol> symbols;
  symbols.reserve(text.size());
  const auto add = [&](int32_t id, size_t begin) {
    const auto index = static_cast<uint32_t>(symbols.size());
    symbols.push_back({id, index == 0 ? kNone : index - 1, index + 1, begin});
  };
  std::string bytes;
  for (const Character& character : text) {
    if (symbols.size() > kNone - 8) fail(ErrorKind::InvalidRequest, "prompt: too long to tokenize");
    const auto known = vocabulary_.characters.find(character.code_point);
    if (known != vocabulary_.characters.end()) {
      add(known->second, character.begin);
      continue;
    }
    bytes.clear();
    append_utf8(bytes, character.code_point);
    for (const char byte : bytes) add(vocabulary_.bytes[static_cast<uint8_t>(byte)], character.begin);
  }
  if (symbols.empty()) return;
  symbols.back().next = kNone;

  std::priority_queue<Candidate> queue;
  const auto consider = [&](uint32_t left) {
    const uint32_t right = symbols[left].next;
    if (right == kNone) return;
    const Rule* rule = find_rule(symbols[left].id, symbols[right].id);
    if (rule) queue.push({rule->rank, left, right, symbols[left].id, symbols[right].id, rule->result});
  };
  for (uint32_t i = 0; i < symbols.size(); ++i) consider(i);
  while (!queue.empty()) {
    const Candidate best = queue.top();
    queue.pop();
    Symbol& left = symbols[best.left];
    Symbol& right = symbols[best.right];
    if (left.id != best.left_id || right.id != best.right_id || left.next != best.right) continue;
    left.id = best.result;
    left.next = right.next;
    right.id = -1;
    if (left.next != kNone) symbols[left.next].previous = best.left;
    if (left.previous != kNone) consider(left.previous);
    consider(best.left);
  }
  for (uint32_t i = 0; i != kNone; i = symbols[i].next) out.push_back({symbols[i].id, symbols[i].begin});
}

}  // namespace newbie
