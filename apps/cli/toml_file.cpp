#include "toml_file.h"

#include <algorithm>

#include "core/error.h"

namespace newbie {

namespace {

constexpr int kDeepest = 32;

// Walks over the text, strings and comments apart, and counts what makes toml++ recurse: dots of a key, open brackets.
class DepthCheck {
 public:
  DepthCheck(std::string_view text, const std::string& where) : text_(text), where_(where) {}

  void run() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '"' || c == '\'') {
        skip_string(c);
        continue;
      }
      ++at_;
      switch (c) {
        case '#': at_ = std::min(text_.find('\n', at_), text_.size()); break;
        case '\n':
          ++line_;
          dots_ = 0;
          break;
        case '.': deepen(dots_); break;
        case '=':
        case ',': dots_ = 0; break;
        case '[':
        case '{':
          dots_ = 0;
          deepen(brackets_);
          break;
        case ']':
        case '}':
          if (brackets_ > 0) --brackets_;
          break;
        default: break;
      }
    }
  }

 private:
  void deepen(int& depth) const {
    if (++depth > kDeepest) fail(ErrorKind::InvalidRequest, "{}:{}: nested more than {} deep", where_, line_, kDeepest);
  }

  // Of one line, or of several between three quotes; one that does not end takes the rest, and the parser says so.
  void skip_string(char quote) {
    const std::string three(3, quote);
    const bool is_long = text_.substr(at_).starts_with(three);
    at_ += is_long ? 3 : 1;
    while (at_ < text_.size()) {
      if (text_[at_] == '\n') {
        if (!is_long) return;
        ++line_;
      }
      if (quote == '"' && text_[at_] == '\\') {
        at_ += 2;
      } else if (is_long ? text_.substr(at_).starts_with(three) : text_[at_] == quote) {
        at_ += is_long ? 3 : 1;
        return;
      } else {
        ++at_;
      }
    }
    at_ = std::min(at_, text_.size());
  }

  std::string_view text_;
  const std::string& where_;
  size_t at_ = 0;
  size_t line_ = 1;
  int dots_ = 0, brackets_ = 0;
};

}  // namespace

toml::table parse_toml(std::string_view text, const std::string& where) {
  DepthCheck(text, where).run();
  try {
    return toml::parse(text, where);
  } catch (const toml::parse_error& e) {
    fail(ErrorKind::InvalidRequest, "{}:{}: {}", where, e.source().begin.line, e.description());
  }
}

}  // namespace newbie
