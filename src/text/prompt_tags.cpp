#include "text/prompt_tags.h"

#include <algorithm>
#include <cctype>
#include <string>
#include <vector>

#include "core/edit_distance.h"

namespace newbie {
namespace {

constexpr PromptTag kTags[] = {
    {"n", TagPlace::Character, "the character's name; empty for somebody without one", true},
    {"name", TagPlace::Character, "an older builder's n", false, "n"},
    {"gender", TagPlace::Character, "1girl, 1boy, 2girls", true},
    {"appearance", TagPlace::Character, "hair, eyes, features of the body"},
    {"clothing", TagPlace::Character, "what is worn"},
    {"body_type", TagPlace::Character, "an older builder's tag for the body"},
    {"expression", TagPlace::Character, "face and mood"},
    {"action", TagPlace::Character, "pose, activity, gaze"},
    {"interaction", TagPlace::Character, "with others or with objects"},
    {"position", TagPlace::Character, "where in the picture: center_left, foreground"},

    {"count", TagPlace::General, "how many people: 1girl, solo"},
    {"body_type", TagPlace::General, "the bodies of all"},
    {"artists", TagPlace::General, "artist:name, or the name alone"},
    {"style", TagPlace::General, "drawing style and medium"},
    {"background", TagPlace::General, "what is behind"},
    {"environment", TagPlace::General, "place, time of day, weather"},
    {"perspective", TagPlace::General, "framing and camera"},
    {"atmosphere", TagPlace::General, "mood of the picture"},
    {"lighting", TagPlace::General, "light and shadow"},
    {"resolution", TagPlace::General, "max_high_resolution, highres"},
    {"quality", TagPlace::General, "masterpiece, very aesthetic"},
    {"objects", TagPlace::General, "things in the picture"},
    {"extra_tags", TagPlace::General, "what has no place elsewhere"},
    {"other", TagPlace::General, "anything else"},

    {"caption", TagPlace::Top, "the picture in sentences, without underscores"},
    {"danbooru_tags", TagPlace::Top, "a plain list of tags; usual for negative prompts"},

    {"image", TagPlace::Wrapper, "the root of the node assembler"},
    {"document", TagPlace::Wrapper, "the root of an older assembler"},
};

constexpr std::string_view kCharacter = "character_";
constexpr size_t kLongestMisspelling = 24;  // no known name is longer than 13

// Names that a misspelling is compared with, all lower case. Characters beyond the ninth are rare enough to miss.
const std::vector<std::string>& comparable_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> out;
    for (const PromptTag& tag : kTags) out.emplace_back(tag.name);
    out.emplace_back(kGeneralTags);
    for (int k = 1; k <= 9; ++k) out.push_back(std::string(kCharacter) + std::to_string(k));
    return out;
  }();
  return names;
}

}  // namespace

std::span<const PromptTag> prompt_tags() { return kTags; }

bool is_general_tags(std::string_view name) { return name == kGeneralTags || name == "general tags"; }

std::optional<int> character_number(std::string_view name) {
  if (!name.starts_with(kCharacter)) return std::nullopt;
  const std::string_view digits = name.substr(kCharacter.size());
  if (digits.empty() || digits.size() > 9 || digits[0] == '0') return std::nullopt;
  int number = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + (c - '0');
  }
  return number;
}

const PromptTag* find_prompt_tag(std::string_view name, TagPlace place) {
  const auto found = std::find_if(std::begin(kTags), std::end(kTags),
                                  [&](const PromptTag& tag) { return tag.place == place && tag.name == name; });
  return found == std::end(kTags) ? nullptr : found;
}

bool is_known_tag(std::string_view name) {
  return character_number(name) || is_general_tags(name) ||
         std::any_of(std::begin(kTags), std::end(kTags), [&](const PromptTag& tag) { return tag.name == name; });
}

std::string_view nearest_known_tag(std::string_view name) {
  if (name.size() > kLongestMisspelling) return {};
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  std::string_view best;
  // A third of the letters may be wrong; a name of one or two letters is nobody's misspelling but by its case.
  size_t allowed = std::min<size_t>(name.size() / 3, 3);
  for (const std::string& known : comparable_names()) {
    if (name.size() > known.size() + allowed || known.size() > name.size() + allowed) continue;
    const size_t apart = edit_distance(lower, known, Swapped::OneEdit);
    if (apart > allowed) continue;
    if (apart == allowed && !best.empty()) continue;
    best = known;
    allowed = apart;
  }
  return best;
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
