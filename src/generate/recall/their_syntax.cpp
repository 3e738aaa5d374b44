#include "generate/recall/their_syntax.h"

#include <algorithm>

namespace newbie {

namespace {

bool is_word_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// "{red|blue}".
std::string_view find_choice(std::string_view text) {
  for (size_t open = text.find('{'); open != text.npos; open = text.find('{', open + 1)) {
    const size_t end = text.find_first_of("{}\n", open + 1);
    if (end == text.npos || text[end] != '}') continue;
    const std::string_view found = text.substr(open, end - open + 1);
    if (found.find('|') != found.npos) return found;
  }
  return {};
}

// "__hair/colour__"; "@__@" is a tag.
std::string_view find_wildcard(std::string_view text) {
  for (size_t open = text.find("__"); open != text.npos; open = text.find("__", open + 2)) {
    const size_t close = text.find("__", open + 2);
    if (close == text.npos) return {};
    const std::string_view name = text.substr(open + 2, close - open - 2);
    const bool is_name = !name.empty() && std::ranges::all_of(name, [](char c) {
      return is_word_letter(c) || c == '/' || c == '-' || c == '*';
    });
    if (is_name) return text.substr(open, close + 2 - open);
  }
  return {};
}

// "AND" by itself.
std::string_view find_and(std::string_view text) {
  for (size_t at = text.find("AND"); at != text.npos; at = text.find("AND", at + 1))
    if ((at == 0 || !is_word_letter(text[at - 1])) && (at + 3 == text.size() || !is_word_letter(text[at + 3])))
      return text.substr(at, 3);
  return {};
}

std::string_view find_compel_call(std::string_view text) {
  for (const std::string_view call : {".blend(", ".and(", ".swap("})
    if (const size_t at = text.find(call); at != text.npos) return text.substr(at, call.size());
  return {};
}

// "|" between prompts; ":|" is a tag.
std::string_view find_bar(std::string_view text) {
  for (size_t at = text.find('|'); at != text.npos; at = text.find('|', at + 1))
    if (at == 0 || text[at - 1] != ':') return text.substr(at, 1);
  return {};
}

struct TheirSyntax {
  SyntaxOf program;  // Others: of any
  std::string_view (*find)(std::string_view);
  const char* words;
};
constexpr TheirSyntax kTheirSyntax[] = {
    {SyntaxOf::Others, find_choice, "is a choice there: it is read as words"},
    {SyntaxOf::Others, find_wildcard, "is a wildcard there: it is read as a word"},
    {SyntaxOf::A1111, find_and, "composes several prompts there: they are read as one, and it as a word"},
    {SyntaxOf::InvokeAi, find_compel_call, "composes several prompts there: it is read as words"},
    {SyntaxOf::NovelAi, find_bar, "mixes several prompts there: they are read as one, and it as a letter"},
};

}  // namespace

bool has_compel_call(std::string_view prompt) { return !find_compel_call(prompt).empty(); }

void tell_syntax(Said& said, SyntaxOf program) {
  for (const char* field : {"prompt", "negative_prompt"}) {
    const std::string* text = said.find(field);
    if (text == nullptr) continue;
    for (const TheirSyntax& row : kTheirSyntax)
      if (row.program == SyntaxOf::Others || row.program == program)
        if (const std::string_view found = row.find(*text); !found.empty())
          said.note(fmt::format("`{}`: {} {}", field, shortened(found), row.words));
  }
}

}  // namespace newbie
