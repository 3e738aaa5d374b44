#include "text/prompt_from_tags.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <unordered_set>
#include <vector>

#include "core/error.h"
#include "text/prompt_format.h"
#include "text/prompt_tags.h"
#include "text/tag_dictionary.h"
#include "text/trim.h"

namespace newbie {
namespace {

// Tags end at commas and line ends.
std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> out;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find_first_of(",\n", begin), text.size());
    if (const std::string_view tag = trim(text.substr(begin, end - begin)); !tag.empty()) out.push_back(tag);
    begin = end + 1;
  }
  return out;
}

// Danbooru's spelling: lower case, one underscore for white space, no backslashes before parentheses.
std::string dictionary_spelling(std::string_view tag) {
  std::string out;
  for (size_t i = 0; i < tag.size(); ++i) {
    const char c = tag[i];
    if (c == '\\' && i + 1 < tag.size() && (tag[i + 1] == '(' || tag[i + 1] == ')')) continue;
    if (kBlanks.find(c) == kBlanks.npos)
      out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    else if (!out.ends_with('_'))
      out += '_';
  }
  return out;
}

// `:)`, `>_<`, `^_^`
bool is_face(std::string_view tag) {
  const auto is_letter = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x80 || std::isalpha(byte) != 0;
  };
  return tag.size() <= 3 || std::none_of(tag.begin(), tag.end(), is_letter);
}

// Whether one pair of parentheses holds all of it.
bool is_wrapped(std::string_view tag) {
  if (!tag.starts_with('(') || !tag.ends_with(')') || tag.ends_with("\\)")) return false;
  int depth = 0;
  for (size_t i = 0; i < tag.size(); ++i) {
    if (tag[i] == '(') ++depth;
    if (tag[i] == ')') --depth;
    if (depth == 0) return i + 1 == tag.size();
  }
  return false;
}

// `(tag:1.2)` and `((tag))`, as other programs write weights, are the tag.
std::string_view without_weight(std::string_view tag) {
  constexpr int kDeepest = 8;
  for (int depth = 0; depth < kDeepest && !is_face(tag) && is_wrapped(tag); ++depth) {
    std::string_view inside = tag.substr(1, tag.size() - 2);
    if (const size_t colon = inside.rfind(':'); colon != inside.npos && colon + 1 < inside.size() &&
                                                inside.find_first_not_of("0123456789.", colon + 1) == inside.npos)
      inside = inside.substr(0, colon);
    if (trim(inside).empty()) break;
    tag = trim(inside);
  }
  return tag;
}

// Parentheses get a backslash where they have none; faces keep theirs bare.
std::string escape_parentheses(std::string_view tag) {
  if (is_face(tag)) return std::string(tag);
  std::string out;
  for (size_t i = 0; i < tag.size(); ++i) {
    if ((tag[i] == '(' || tag[i] == ')') && (i == 0 || tag[i - 1] != '\\')) out += '\\';
    out += tag[i];
  }
  return out;
}

struct Placed {
  std::string_view element;
  std::string text;
};

Placed place(std::string_view tag) {
  const std::string known = dictionary_spelling(tag);
  constexpr std::string_view kCharacter = "character:";
  if (known.starts_with(kCharacter) && known.size() > kCharacter.size())
    return {"n", escape_parentheses(trim(tag.substr(tag.find(':') + 1)))};
  const std::string_view element = element_of_tag(known);
  if (element.empty()) return {"extra_tags", escape_parentheses(tag)};
  return {element, escape_parentheses(known)};
}

bool names_people(std::string_view count) {
  return std::isdigit(static_cast<unsigned char>(count[0])) != 0;  // 1girl, 2boys, 6+girls; not solo
}

void append(std::string& list, std::string_view tag) { list.append(list.empty() ? "" : ", ").append(tag); }

}  // namespace

std::string prompt_from_tags(std::string_view text) {
  if (has_known_tag(text))
    fail_with_hint(ErrorKind::InvalidRequest, "newbie prompt format puts it in order",
                   "the prompt has elements already: expected a list of tags");
  std::map<std::string_view, std::string> fields;  // by element
  std::unordered_set<std::string> seen;
  for (const std::string_view tag : split(text)) {
    const Placed placed = place(without_weight(tag));
    if (!seen.insert(std::string(placed.element) + '\0' + placed.text).second) continue;
    append(fields[placed.element], placed.text);
    if (placed.element == "count" && names_people(placed.text)) append(fields["gender"], placed.text);
  }

  const auto block = [&](std::string_view name, TagPlace where) {
    std::vector<PromptField> rows;
    for (const PromptTag& tag : prompt_tags()) {
      const auto found = fields.find(tag.name);
      if (tag.place == where && found != fields.end()) rows.push_back({tag.name, found->second});
    }
    return rows.empty() ? std::string() : write_block(name, rows);
  };
  std::string character;
  const bool has_character = std::any_of(fields.begin(), fields.end(), [](const auto& field) {
    return find_prompt_tag(field.first, TagPlace::Character) != nullptr;
  });
  if (has_character) {
    fields.try_emplace("n");
    character = block("character_1", TagPlace::Character);
  }
  const std::string general = block(kGeneralTags, TagPlace::General);
  return character + (character.empty() || general.empty() ? "" : "\n\n") + general;
}

}  // namespace newbie
