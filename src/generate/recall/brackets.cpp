#include "generate/recall/brackets.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "generate/recall/said.h"
#include "generate/recall/their_syntax.h"
#include "text/prompt_weights.h"
#include "text/trim.h"

namespace newbie {

namespace {

struct TheirBracket {
  char open, close;
  double factor;
};

// How one program reads brackets.
struct BracketReading {
  std::vector<TheirBracket> brackets;
  std::string_view escapable;       // letters that a backslash makes letters
  bool drops_backslash = false;     // one before anything else is nothing
  bool is_number_absolute = false;  // (x:w) is w, not w times what is around it
  bool has_numbers = true;          // (x:w)
  bool has_colons = false;          // w::x::
};

BracketReading reading_of(BracketRule rule) {
  switch (rule) {
    case BracketRule::A1111:
      return {.brackets = {{'(', ')', 1.1}, {'[', ']', 1 / 1.1}}, .escapable = "()[]\\", .drops_backslash = true};
    case BracketRule::ComfyUi: return {.brackets = {{'(', ')', 1.1}}, .escapable = "()", .is_number_absolute = true};
    case BracketRule::NovelAi:
      return {.brackets = {{'{', '}', 1.05}, {'[', ']', 1 / 1.05}}, .escapable = "", .has_numbers = false};
    case BracketRule::NovelAi4:
      return {.brackets = {{'{', '}', 1.05}, {'[', ']', 1 / 1.05}},
              .escapable = "",
              .has_numbers = false,
              .has_colons = true};
    default: return {};
  }
}

// A1111: "[from:to:0.5]" and "[a|b]" change the prompt between steps. Their brackets, as positions, which are letters
// here, and what they hold.
std::set<size_t> changing_brackets(std::string_view text, std::vector<std::string>& problems) {
  std::set<size_t> letters;
  std::vector<size_t> open;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '[') {
      open.push_back(i);
    } else if (text[i] == ']' && !open.empty()) {
      const std::string_view inside = text.substr(open.back() + 1, i - open.back() - 1);
      const size_t colon = inside.rfind(':');
      const bool alternates = inside.find('|') != inside.npos;
      const bool is_edited = colon != inside.npos && number_of(trim(inside.substr(colon + 1), kBlanksAndLineEnds));
      if (alternates || is_edited) {
        letters.insert({open.back(), i});
        problems.push_back(fmt::format("[{}] changes from step to step there: it is read as words", shortened(inside)));
      }
      open.pop_back();
    }
  }
  return letters;
}

class BracketReader {
 public:
  BracketReader(std::string_view text, BracketReading reading, std::set<size_t> letters)
      : text_(text), reading_(std::move(reading)), letters_(std::move(letters)) {}

  // Nothing when a bracket has no partner.
  std::optional<std::vector<WeightedPiece>> run() {
    for (size_t i = 0; i < text_.size(); ++i) {
      const char c = text_[i];
      if (c == '\\' && i + 1 < text_.size() && reading_.escapable.find(text_[i + 1]) != std::string_view::npos) {
        direct_ += text_[++i];
      } else if (c == '\\' && reading_.drops_backslash) {
        continue;
      } else if (reading_.has_colons && text_.substr(i).starts_with("::")) {
        if (!close_colons()) return std::nullopt;
        ++i;
      } else if (const auto weight = reading_.has_colons ? number_before_colons(i) : std::nullopt) {
        if (!open_.empty() && open_.back().bracket == nullptr) close(*weight_of_colons_);
        weight_of_colons_ = weight->first;
        open(nullptr);
        i = weight->second;
      } else if (const TheirBracket* bracket = bracket_at(i); bracket == nullptr) {
        direct_ += c;
      } else if (c == bracket->open) {
        open(bracket);
      } else {
        if (open_.empty() || open_.back().bracket != bracket) return std::nullopt;
        close(bracket->factor);
      }
    }
    if (!open_.empty() && open_.back().bracket == nullptr) close(*weight_of_colons_);  // it lasts to the end
    if (!open_.empty()) return std::nullopt;
    keep_direct();
    return std::move(pieces_);
  }

 private:
  struct Open {
    const TheirBracket* bracket;  // null: of the form w::
    size_t first;                 // its first piece
  };

  const TheirBracket* bracket_at(size_t at) const {
    if (letters_.contains(at)) return nullptr;
    for (const TheirBracket& one : reading_.brackets)
      if (text_[at] == one.open || text_[at] == one.close) return &one;
    return nullptr;
  }

  // "1.3::" here: its number, and where its last colon is.
  std::optional<std::pair<double, size_t>> number_before_colons(size_t at) const {
    const std::string_view rest = text_.substr(at);
    const size_t digits = rest.find_first_not_of("0123456789.", rest.starts_with('-') ? 1 : 0);
    if (digits == rest.npos || !rest.substr(digits).starts_with("::")) return std::nullopt;
    if (at > 0 && std::string_view(" ,\n{[(:").find(text_[at - 1]) == std::string_view::npos) return std::nullopt;
    const auto number = number_of(rest.substr(0, digits));
    if (!number) return std::nullopt;
    return std::pair(*number, at + digits + 1);
  }

  void keep_direct() {
    if (!direct_.empty()) pieces_.push_back({std::exchange(direct_, {}), 1, false});
  }

  void open(const TheirBracket* bracket) {
    keep_direct();
    open_.push_back({bracket, pieces_.size()});
  }

  bool close_colons() {
    if (open_.empty() || open_.back().bracket != nullptr) return open_.empty();  // of nothing: it says nothing
    close(*weight_of_colons_);
    return true;
  }

  void close(double factor) {
    bool is_absolute = false;
    if (reading_.has_numbers && open_.back().bracket->open == '(')
      if (const auto number = take_number()) {
        factor = *number;
        is_absolute = reading_.is_number_absolute;
      }
    keep_direct();
    for (size_t i = open_.back().first; i < pieces_.size(); ++i) {
      if (pieces_[i].is_absolute) continue;
      pieces_[i].weight *= factor;
      pieces_[i].is_absolute = is_absolute;
    }
    open_.pop_back();
  }

  // ":1.2" at the end of what stands in parentheses.
  std::optional<double> take_number() {
    const size_t colon = direct_.rfind(':');
    if (colon == std::string::npos) return std::nullopt;
    std::string_view words = trim(std::string_view(direct_).substr(colon + 1), kBlanksAndLineEnds);
    if (words.starts_with('+')) words.remove_prefix(1);
    const auto number = number_of(words);
    if (number) direct_.resize(colon);
    return number;
  }

  std::string_view text_;
  BracketReading reading_;
  std::set<size_t> letters_;
  std::string direct_;  // what stands there since the last bracket
  std::vector<WeightedPiece> pieces_;
  std::vector<Open> open_;
  std::optional<double> weight_of_colons_;
};

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("()[]{}").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

std::string weight_words(const WeightedPiece& piece) { return fmt::format("{:.4g}", piece.weight); }

// A weight of ours, and a problem when theirs was none.
double our_weight(const WeightedPiece& piece, std::vector<std::string>& problems) {
  const double weight = std::clamp(piece.weight, 0.0, kMaxPromptWeight);
  if (weight != piece.weight)
    problems.push_back(fmt::format("weight {:.4g} of {} is drawn as {}: ours are 0 to {}", piece.weight,
                                   shortened(piece.text, 30), weight, kMaxPromptWeight));
  return weight;
}

}  // namespace

std::string in_our_markup(const std::vector<WeightedPiece>& pieces) {
  std::string out;
  for (size_t i = 0; i < pieces.size();) {
    const std::string weight = weight_words(pieces[i]);
    std::string text;
    for (; i < pieces.size() && weight_words(pieces[i]) == weight; ++i) text += escaped(pieces[i].text);
    if (text.empty()) continue;
    if (weight == "1") {
      out += text;
      continue;
    }
    // A backslash that is a letter would make one of the bracket behind it: it goes inside.
    if (out.ends_with('\\')) {
      out.pop_back();
      text.insert(0, 1, '\\');
    }
    out += fmt::format("({}:{})", text, weight);
  }
  return out;
}

RewrittenPrompt rewrite_brackets(std::string_view prompt, BracketRule rule) {
  RewrittenPrompt out;
  if (rule == BracketRule::None) return {escaped(prompt), false, {}};
  if (rule == BracketRule::NewBieNodes) {
    const WeightedPrompt read = read_weights(prompt);
    if (read.problems.empty()) return {std::string(prompt), read.text != prompt, {}};
    return {escaped(prompt), false, {"its brackets count as letters: " + read.problems.front().message}};
  }
  std::optional<std::vector<WeightedPiece>> pieces;
  if (rule == BracketRule::Compel) {
    if (has_compel_call(prompt)) return {escaped(prompt), false, {}};
    pieces = read_compel(prompt);
  } else {
    std::set<size_t> letters;
    if (rule == BracketRule::A1111) letters = changing_brackets(prompt, out.problems);
    pieces = BracketReader(prompt, reading_of(rule), std::move(letters)).run();
  }
  if (!pieces) {
    out.problems.push_back("its brackets count as letters: one has no partner");
    out.text = escaped(prompt);
    return out;
  }
  std::string plain;
  for (WeightedPiece& piece : *pieces) {
    piece.weight = our_weight(piece, out.problems);
    plain += piece.text;
    out.has_markup |= weight_words(piece) != "1";
  }
  out.has_markup |= plain != prompt;
  out.text = in_our_markup(*pieces);
  return out;
}

}  // namespace newbie
