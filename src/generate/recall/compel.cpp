// Weights as InvokeAI writes them (its compel library): behind a word or brackets, hair++, (blue eyes)1.4, "a b"-.
#include <cmath>
#include <utility>

#include "generate/recall/brackets.h"
#include "generate/recall/said.h"

namespace newbie {

namespace {

constexpr double kPlus = 1.1, kMinus = 0.9;

struct Suffix {
  double weight = 1;
  size_t length = 0;
};

// "++", "--" or, behind brackets, "1.4" at the front.
Suffix weight_in_front(std::string_view text, bool numbers) {
  const char sign = text.empty() ? ' ' : text.front();
  if (sign == '+' || sign == '-') {
    const size_t count = std::min(text.find_first_not_of(sign), text.size());
    return {std::pow(sign == '+' ? kPlus : kMinus, static_cast<double>(count)), count};
  }
  const size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
  if (!numbers || digits == 0) return {};
  const auto number = number_of(text.substr(0, digits));
  return number ? Suffix{*number, digits} : Suffix{};
}

bool ends_word(std::string_view rest) {
  return rest.empty() || std::string_view(" ,.;:\n)").find(rest.front()) != std::string_view::npos;
}

class CompelReader {
 public:
  explicit CompelReader(std::string_view text) : text_(text) {}

  std::optional<std::vector<WeightedPiece>> run() {
    std::vector<size_t> open;  // the first piece of each
    for (size_t i = 0; i < text_.size(); ++i) {
      const char c = text_[i];
      const std::string_view rest = text_.substr(i + 1);
      if (c == '\\' && !rest.empty() && std::string_view("()\"+-").find(rest.front()) != std::string_view::npos) {
        word_ += text_[++i];
      } else if (c == '(') {
        keep(1);
        open.push_back(pieces_.size());
      } else if (c == ')') {
        if (open.empty()) return std::nullopt;
        keep(1);
        const Suffix suffix = weight_in_front(rest, true);
        for (size_t k = open.back(); k < pieces_.size(); ++k) pieces_[k].weight *= suffix.weight;
        open.pop_back();
        i += suffix.length;
      } else if (const size_t close = c == '"' ? rest.find('"') : rest.npos; close != rest.npos) {
        const Suffix suffix = weight_in_front(rest.substr(close + 1), true);
        keep(1);
        word_ = suffix.length == 0 ? text_.substr(i, close + 2) : rest.substr(0, close);
        keep(suffix.weight);
        i += close + 1 + suffix.length;
      } else if (const Suffix suffix = weight_in_front(text_.substr(i), false);
                 suffix.length != 0 && !word_.empty() && ends_word(text_.substr(i + suffix.length))) {
        keep(suffix.weight);
        i += suffix.length - 1;
      } else if (ends_word(text_.substr(i))) {
        keep(1);
        word_ = c;
        keep(1);
      } else {
        word_ += c;
      }
    }
    if (!open.empty()) return std::nullopt;
    keep(1);
    return std::move(pieces_);
  }

 private:
  void keep(double weight) {
    if (!word_.empty()) pieces_.push_back({std::exchange(word_, {}), weight, false});
  }

  std::string_view text_;
  std::string word_;
  std::vector<WeightedPiece> pieces_;
};

}  // namespace

std::optional<std::vector<WeightedPiece>> read_compel(std::string_view prompt) { return CompelReader(prompt).run(); }

}  // namespace newbie
