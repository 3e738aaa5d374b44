#include "adapters/pattern.h"

#include <bitset>
#include <functional>
#include <limits>
#include <vector>

#include "core/error.h"
#include "core/printable.h"

namespace newbie {

namespace {

constexpr int kDeepest = 32;  // groups inside groups
constexpr size_t kLongestPattern = 512;
constexpr size_t kMostSteps = 200'000;  // of one match
constexpr int kMostPending = 1500;      // repetitions inside each other, each on the stack
constexpr int kWithoutEnd = std::numeric_limits<int>::max();

using CharSet = std::bitset<256>;

CharSet range(unsigned char first, unsigned char last) {
  CharSet set;
  for (int c = first; c <= last; ++c) set.set(static_cast<size_t>(c));
  return set;
}
const CharSet kDigits = range('0', '9');
const CharSet kWord = range('0', '9') | range('a', 'z') | range('A', 'Z') | range('_', '_');
const CharSet kSpaces = range(' ', ' ') | range('\t', '\r');

struct Item;
using Sequence = std::vector<Item>;
struct Item {
  enum class Kind { Char, Start, End, Group } kind = Kind::Char;
  CharSet chars;                  // of Kind::Char
  std::vector<Sequence> choices;  // of Kind::Group
  int least = 1, most = 1;
};

class PatternParser {
 public:
  explicit PatternParser(std::string_view pattern) : whole_(pattern), rest_(pattern) {
    if (pattern.size() > kLongestPattern) give_up();
  }

  std::vector<Sequence> choices(int depth = 0) {
    if (depth > kDeepest) give_up();
    std::vector<Sequence> out(1);
    while (!rest_.empty() && rest_.front() != ')') {
      if (take('|')) {
        out.emplace_back();
        continue;
      }
      Item item = atom(depth);
      quantify(item);
      out.back().push_back(std::move(item));
    }
    if (depth == 0 && !rest_.empty()) give_up();
    return out;
  }

 private:
  [[noreturn]] void give_up() const {
    fail(ErrorKind::Unsupported, "pattern {}: expected one of the kind module names are matched with",
         in_quotes(whole_));
  }

  bool take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  char next() {
    if (rest_.empty()) give_up();
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }

  Item atom(int depth) {
    Item item;
    const char c = next();
    switch (c) {
      case '^': item.kind = Item::Kind::Start; break;
      case '$': item.kind = Item::Kind::End; break;
      case '.': item.chars = ~CharSet().set('\n'); break;
      case '[': item.chars = char_class(); break;
      case '\\': item.chars = escaped(); break;
      case '(':
        if (take('?') && !take(':')) give_up();
        item.kind = Item::Kind::Group;
        item.choices = choices(depth + 1);
        if (!take(')')) give_up();
        break;
      case '*':
      case '+':
      case '?': give_up();
      default: item.chars.set(static_cast<unsigned char>(c));
    }
    return item;
  }

  CharSet escaped() {
    const char c = next();
    switch (c) {
      case 'd': return kDigits;
      case 'D': return ~kDigits;
      case 'w': return kWord;
      case 'W': return ~kWord;
      case 's': return kSpaces;
      case 'S': return ~kSpaces;
      default: break;
    }
    const auto byte = static_cast<unsigned char>(c);
    if (kWord.test(byte)) give_up();  // \b, \A, \1, …
    return CharSet().set(byte);
  }

  CharSet char_class() {
    const bool opposite = take('^');
    CharSet set;
    bool first = true;
    while (rest_.empty() || rest_.front() != ']' || first) {
      first = false;
      const char c = next();
      if (c == '\\') {
        set |= escaped();
      } else if (rest_.size() > 1 && rest_.front() == '-' && rest_[1] != ']') {
        next();
        const char last = next();
        if (last == '\\' || static_cast<unsigned char>(last) < static_cast<unsigned char>(c)) give_up();
        set |= range(static_cast<unsigned char>(c), static_cast<unsigned char>(last));
      } else {
        set.set(static_cast<unsigned char>(c));
      }
    }
    next();
    return opposite ? ~set : set;
  }

  int number() {
    int value = 0;
    while (!rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9') value = 10 * value + (next() - '0');
    if (value > static_cast<int>(kLongestPattern)) give_up();
    return value;
  }

  void quantify(Item& item) {
    if (take('*')) {
      item.least = 0;
      item.most = kWithoutEnd;
    } else if (take('+')) {
      item.most = kWithoutEnd;
    } else if (take('?')) {
      item.least = 0;
    } else if (take('{')) {
      item.least = item.most = number();
      if (take(',')) item.most = !rest_.empty() && rest_.front() == '}' ? kWithoutEnd : number();
      if (!take('}') || item.most < item.least) give_up();
    } else {
      return;
    }
    take('?');  // lazy: the same matches
    if (!rest_.empty() && std::string_view("*+?{").find(rest_.front()) != std::string_view::npos) give_up();
  }

  std::string_view whole_, rest_;
};

class Matcher {
 public:
  Matcher(std::string_view pattern, std::string_view text) : pattern_(pattern), text_(text) {}

  bool whole(const std::vector<Sequence>& choices, size_t at) {
    return any(choices, at, [this](size_t end) { return end == text_.size(); });
  }

 private:
  using Then = std::function<bool(size_t)>;

  bool any(const std::vector<Sequence>& choices, size_t at, const Then& then) {
    for (const Sequence& choice : choices)
      if (sequence(choice, 0, at, then)) return true;
    return false;
  }

  bool sequence(const Sequence& items, size_t index, size_t at, const Then& then) {
    if (index == items.size()) return then(at);
    return repeated(items[index], 0, at, [&](size_t end) { return sequence(items, index + 1, end, then); });
  }

  bool repeated(const Item& item, int done, size_t at, const Then& then) {
    if (++steps_ > kMostSteps || pending_ > kMostPending)
      fail(ErrorKind::Unsupported, "pattern {}: takes too long to match {}", in_quotes(pattern_), in_quotes(text_));
    const auto again = [&](size_t end) {
      return (end > at || done < item.least) && repeated(item, done + 1, end, then);  // nothing matched is no progress
    };
    ++pending_;
    const bool matched = (done < item.most && once(item, at, again)) || (done >= item.least && then(at));
    --pending_;
    return matched;
  }

  bool once(const Item& item, size_t at, const Then& then) {
    switch (item.kind) {
      case Item::Kind::Start: return at == 0 && then(at);
      case Item::Kind::End: return at == text_.size() && then(at);
      case Item::Kind::Group: return any(item.choices, at, then);
      case Item::Kind::Char: break;
    }
    return at < text_.size() && item.chars.test(static_cast<unsigned char>(text_[at])) && then(at + 1);
  }

  std::string_view pattern_, text_;
  size_t steps_ = 0;
  int pending_ = 0;
};

}  // namespace

bool pattern_matches(std::string_view pattern, std::string_view module) {
  const std::vector<Sequence> choices = PatternParser(pattern).choices();
  if (module.size() > kLongestPattern)
    fail(ErrorKind::Unsupported, "module {}: expected a name of at most {} bytes", in_quotes(module), kLongestPattern);
  Matcher matcher(pattern, module);
  for (size_t at = 0; at <= module.size(); ++at)
    if ((at == 0 || module[at - 1] == '.') && matcher.whole(choices, at)) return true;
  return false;
}

}  // namespace newbie
