#include "text/prompt_tags.h"

#include <algorithm>

namespace newbie {
namespace {

constexpr std::string_view kTags[] = {
    // inside <character_N>
    "n", "gender", "appearance", "clothing", "body_type", "expression", "action", "interaction", "position",
    // blocks
    "general_tags", "general tags", "caption",
    // inside <general_tags>
    "count", "artists", "style", "background", "environment", "perspective", "atmosphere", "lighting", "resolution",
    "quality", "objects", "extra_tags", "other",
    // wrappers
    "image", "document", "danbooru_tags"};

constexpr std::string_view kCharacter = "character_";

}  // namespace

bool is_known_tag(std::string_view name) {
  if (name.starts_with(kCharacter)) {
    const std::string_view number = name.substr(kCharacter.size());
    return !number.empty() && number[0] != '0' &&
           std::all_of(number.begin(), number.end(), [](char c) { return c >= '0' && c <= '9'; });
  }
  return std::find(std::begin(kTags), std::end(kTags), name) != std::end(kTags);
}

bool has_known_tag(std::string_view prompt) {
  for (size_t open = prompt.find('<'); open != prompt.npos; open = prompt.find('<', open + 1)) {
    const std::string_view rest = prompt.substr(open + 1);
    const size_t end = rest.find_first_of("<>");
    if (end == rest.npos || rest[end] != '>') continue;
    std::string_view name = rest.substr(0, end);
    if (name.ends_with('/')) name.remove_suffix(1);
    if (is_known_tag(name)) return true;
  }
  return false;
}

}  // namespace newbie
