#include "text/prompt_weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "core/error.h"

namespace newbie {
namespace {

struct Bracket {
  char open, close;
  double factor;
};
constexpr Bracket kBrackets[] = {{'(', ')', 1.1}, {'[', ']', 0.9}, {'{', '}', 1.2}};

bool is_bracket(char c) {
  return std::any_of(std::begin(kBrackets), std::end(kBrackets), [&](auto& b) { return c == b.open || c == b.close; });
}

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

std::optional<double> number_of(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// A pair of brackets: what it holds of the plain text, and what it does to it.
struct Group {
  size_t begin = 0, end = 0;
  double factor = 1;
  size_t marked_begin = 0;  // its opening bracket
};

class Reader {
 public:
  explicit Reader(std::string_view marked) : marked_(marked) {}

  WeightedPrompt run() {
    for (size_t i = 0; i < marked_.size(); ++i) {
      const char c = marked_[i];
      if (c == '\\' && i + 1 < marked_.size() && is_bracket(marked_[i + 1])) {
        out_.text += marked_[++i];
        continue;
      }
      const auto bracket = std::find_if(std::begin(kBrackets), std::end(kBrackets),
                                        [&](auto& b) { return c == b.open || c == b.close; });
      if (bracket == std::end(kBrackets))
        out_.text += c;
      else if (c == bracket->open)
        open(*bracket, i);
      else
        close(*bracket, i);
    }
    for (const Open& one : open_)
      problem(one.at, fmt::format("'{}' is not closed; a bracket that is meant as one is '\\{}'", marked_[one.at],
                                  marked_[one.at]));
    multiply();
    std::stable_sort(problems_.begin(), problems_.end(), [](auto& a, auto& b) { return a.first < b.first; });
    PositionCursor cursor(marked_);
    for (auto& [offset, message] : problems_) out_.problems.push_back({cursor.at(offset), std::move(message)});
    return std::move(out_);
  }

 private:
  struct Open {
    const Bracket* bracket;
    size_t at;      // in the marked text
    size_t group;   // its row in groups_
    size_t direct;  // where the marked text of its own goes on, behind a group inside
  };

  void problem(size_t offset, std::string message) { problems_.emplace_back(offset, std::move(message)); }

  void open(const Bracket& bracket, size_t at) {
    open_.push_back({&bracket, at, groups_.size(), at + 1});
    groups_.push_back({.begin = out_.text.size(), .end = out_.text.size(), .marked_begin = at});
  }

  void close(const Bracket& bracket, size_t at) {
    if (open_.empty() || open_.back().bracket != &bracket) {
      problem(at, open_.empty()
                      ? fmt::format("'{}' closes nothing; a bracket that is meant as one is '\\{}'", bracket.close,
                                    bracket.close)
                      : fmt::format("'{}' where '{}' was expected", bracket.close, open_.back().bracket->close));
      return;
    }
    const Open one = open_.back();
    open_.pop_back();
    Group& group = groups_[one.group];
    group.factor = bracket.factor;
    if (bracket.open == '(') take_number(group, marked_.substr(one.direct, at - one.direct), one.direct);
    group.end = out_.text.size();
    if (group.begin == group.end) problem(one.at, "nothing between the brackets");
    if (!open_.empty()) open_.back().direct = at + 1;
  }

  // ":1.2" at the end of what stands in parentheses.
  void take_number(Group& group, std::string_view direct, size_t offset) {
    const size_t colon = direct.rfind(':');
    if (colon == direct.npos) return;
    std::string_view number = direct.substr(colon + 1);
    while (!number.empty() && is_space(number.front())) number.remove_prefix(1);
    while (!number.empty() && is_space(number.back())) number.remove_suffix(1);
    const std::optional<double> weight = number_of(number);
    if (!weight) {
      if (number.empty() || std::string_view("0123456789.+-").find(number.front()) != std::string_view::npos)
        problem(offset + colon, fmt::format("expected a weight as in (text:1.2), got ':{}'", number));
      return;  // text with a colon in it
    }
    if (!(*weight >= 0 && *weight <= kMaxPromptWeight))
      return problem(offset + colon, fmt::format("a weight is 0 to {}, got {}", kMaxPromptWeight, number));
    group.factor = *weight;
    out_.text.resize(out_.text.size() - (direct.size() - colon));  // the text's end is `direct` letter for letter
  }

  // Groups as spans with the product of everything around them. Groups are in the order of their beginnings, and lie
  // inside of each other or apart.
  void multiply() {
    std::vector<std::pair<size_t, double>> around;  // end, product
    size_t here = 0;
    const auto advance = [&](size_t to) {
      const double weight = around.empty() ? 1 : around.back().second;
      if (to > here && weight != 1) {
        if (!out_.spans.empty() && out_.spans.back().end == here && out_.spans.back().weight == weight)
          out_.spans.back().end = to;
        else
          out_.spans.push_back({here, to, weight});
      }
      here = std::max(here, to);
    };
    const auto leave = [&](size_t before) {
      while (!around.empty() && around.back().first <= before) {
        advance(around.back().first);
        around.pop_back();
      }
    };
    for (const Group& group : groups_) {
      leave(group.begin);
      advance(group.begin);
      if (group.begin == group.end) continue;
      double product = group.factor * (around.empty() ? 1 : around.back().second);
      if (product > kMaxPromptWeight) {
        problem(group.marked_begin, fmt::format("weights inside of each other multiply to {:g}, the most is {}",
                                                product, kMaxPromptWeight));
        product = kMaxPromptWeight;
      }
      around.emplace_back(group.end, product);
    }
    leave(out_.text.size());
  }

  std::string_view marked_;
  WeightedPrompt out_;
  std::vector<Open> open_;
  std::vector<Group> groups_;
  std::vector<std::pair<size_t, std::string>> problems_;
};

}  // namespace

WeightedPrompt read_weights(std::string_view marked) { return Reader(marked).run(); }

WeightedPrompt parse_weights(std::string_view marked, std::string_view what) {
  WeightedPrompt out = read_weights(marked);
  if (!out.problems.empty())
    fail_with_hint(ErrorKind::InvalidRequest, "without `weights` brackets are ordinary text", "{}:{}:{}: {}", what,
                   out.problems.front().at.line, out.problems.front().at.column, out.problems.front().message);
  return out;
}

std::vector<float> token_weights(std::string_view read, size_t prompt_begin, const std::vector<WeightedSpan>& spans,
                                 const TokenizedText& tokens) {
  std::vector<float> out(tokens.ids.size(), 1.0f);
  const size_t first = tokens.specials_before, last = tokens.ids.size() - tokens.specials_after;
  bool all_one = true;
  size_t span = 0;
  for (size_t i = first; i < last;) {
    // Ids of one character's bytes share their beginning.
    size_t next = i + 1;
    while (next < last && tokens.begins[next] == tokens.begins[i]) ++next;
    const size_t begin = tokens.begins[i];
    const size_t end = next < last ? tokens.begins[next] : read.size() - tokens.lost_text.size();
    while (span < spans.size() && prompt_begin + spans[span].end <= begin) ++span;
    double sum = 0, blank_sum = 0;
    size_t letters = 0;
    for (size_t at = begin, s = span; at < end; ++at) {
      while (s < spans.size() && prompt_begin + spans[s].end <= at) ++s;
      const double weight = s < spans.size() && prompt_begin + spans[s].begin <= at ? spans[s].weight : 1;
      if (is_space(read[at]))
        blank_sum += weight;
      else
        sum += weight, ++letters;
    }
    const double weight = letters != 0  ? sum / static_cast<double>(letters)
                          : end > begin ? blank_sum / static_cast<double>(end - begin)
                                        : 1;
    for (; i < next; ++i) out[i] = static_cast<float>(weight);
    all_one = all_one && out[next - 1] == 1.0f;
  }
  if (all_one) out.clear();
  return out;
}

}  // namespace newbie
