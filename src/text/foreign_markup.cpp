#include "text/foreign_markup.h"

#include <algorithm>
#include <array>

namespace newbie {

namespace {

constexpr std::string_view kDigits = "0123456789.";

// The first "open … close" whose inside `fits`, on one line and of a sensible length.
template <typename Fits>
std::string_view first_between(std::string_view text, char open, char close, Fits fits) {
  constexpr size_t kLongest = 200;
  for (size_t at = text.find(open); at != text.npos; at = text.find(open, at + 1)) {
    const std::array stops{close, open, '\n'};
    const size_t end = text.find_first_of(std::string_view(stops.data(), stops.size()), at + 1);
    if (end == text.npos || text[end] != close || end - at > kLongest) continue;
    if (fits(text.substr(at + 1, end - at - 1))) return text.substr(at, end - at + 1);
  }
  return {};
}

bool is_number(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return !text.empty() && text.find_first_not_of(kDigits) == text.npos;
}

bool ends_in_number(std::string_view inside) {
  const size_t colon = inside.rfind(':');
  return colon != inside.npos && colon > 0 && is_number(inside.substr(colon + 1));
}

// "blue hair:red hair:0.5", the words of A1111's prompt editing; ":0.5" alone is a weight.
bool is_editing(std::string_view inside) {
  const size_t colon = inside.rfind(':');
  return ends_in_number(inside) && inside.substr(0, colon).find(':') != inside.npos;
}

bool is_extra_network(std::string_view inside) {
  return inside.starts_with("lyco:") || inside.starts_with("hypernet:");
}

// A word by itself.
std::string_view first_word(std::string_view text, std::string_view word) {
  const auto is_letter = [&](size_t at) {
    return at < text.size() && ((text[at] >= 'A' && text[at] <= 'Z') || (text[at] >= 'a' && text[at] <= 'z'));
  };
  for (size_t at = text.find(word); at != text.npos; at = text.find(word, at + 1))
    if ((at == 0 || !is_letter(at - 1)) && !is_letter(at + word.size())) return text.substr(at, word.size());
  return {};
}

std::string_view embedding(std::string_view text) {
  const size_t at = text.find("embedding:");
  if (at == text.npos) return {};
  return text.substr(at, std::min(text.find_first_of(" ,\n)", at), text.size()) - at);
}

}  // namespace

std::vector<ForeignMarkup> foreign_markup(std::string_view prompt, bool weights) {
  std::vector<ForeignMarkup> out;
  const auto add = [&](std::string_view found, const char* words) {
    if (!found.empty()) out.push_back({std::string(found), words});
  };
  add(first_between(prompt, '<', '>', is_extra_network), "is read as words; adapters are given with `loras`");
  add(embedding(prompt), "is read as words; this model has no textual inversions");
  add(first_word(prompt, "BREAK"), "is read as a word; the prompt is one piece");
  add(first_between(prompt, '[', ']', is_editing), "is read as words: no prompt changes between steps");
  if (!weights)
    add(first_between(prompt, '(', ')', [](std::string_view in) { return ends_in_number(in) && !is_editing(in); }),
        "is read as words without `weights`");
  return out;
}

}  // namespace newbie
