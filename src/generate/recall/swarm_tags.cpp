#include "generate/recall/swarm_tags.h"

#include <algorithm>

#include "text/trim.h"

namespace newbie {

namespace {

// Tags behind which stands the prompt of a part of the picture or of a stage, up to the next of them.
constexpr std::string_view kSections[] = {"segment", "object", "region", "refiner", "video", "extend", "edit"};
// Tags without a colon; others by that name may be XML of a prompt.
constexpr std::string_view kBareTags[] = {"break", "trigger", "base", "refiner", "video"};
// Tags that are ours, too, or say nothing.
constexpr std::string_view kOurTags[] = {"lora", "lyco", "comment"};

bool contains(std::span<const std::string_view> names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

struct SwarmTag {
  size_t begin = 0, end = 0;
  std::string_view name;
};

// "<name:…>", "<name[…]:…>", or "<name>" of those that have that form.
std::optional<SwarmTag> next_swarm_tag(std::string_view text, size_t from) {
  for (size_t at = text.find('<', from); at != text.npos; at = text.find('<', at + 1)) {
    const size_t behind = std::min(text.find_first_not_of("abcdefghijklmnopqrstuvwxyz", at + 1), text.size());
    const size_t close = text.find('>', at);
    if (close == text.npos) return std::nullopt;
    const std::string_view name = text.substr(at + 1, behind - at - 1);
    const char next = behind < text.size() ? text[behind] : ' ';
    if (name.empty() || !(next == ':' || next == '[' || (next == '>' && contains(kBareTags, name)))) continue;
    return SwarmTag{at, close + 1, name};
  }
  return std::nullopt;
}

// The prompt of the whole picture: what stands in front of the first section, and behind <base>.
std::string without_sections(std::string_view text, const char* field, Said& said) {
  std::string out;
  bool is_inside = false;
  size_t at = 0;
  while (const auto tag = next_swarm_tag(text, at)) {
    if (!is_inside) out += text.substr(at, tag->begin - at);
    const std::string_view words = text.substr(tag->begin, tag->end - tag->begin);
    at = tag->end;
    if (contains(kSections, tag->name)) {
      is_inside = true;
      const auto next = next_swarm_tag(text, at);
      const size_t end = next ? next->begin : text.size();
      said.note(fmt::format("`{}`: {} is not drawn, nor what stands behind it", field,
                            shortened(trim(text.substr(tag->begin, end - tag->begin)))));
    } else if (tag->name == "base") {
      is_inside = false;
    } else if (!is_inside && tag->name == "break") {
      out += ' ';
      said.note(fmt::format("`{}`: {} parts the prompt there: it is one piece here", field, words));
    } else if (!is_inside && tag->name != "comment") {
      out += words;
      if (!contains(kOurTags, tag->name))
        said.note(fmt::format("`{}`: {} is a tag of SwarmUI: it is read as words", field, shortened(words)));
    }
  }
  if (!is_inside) out += text.substr(at);
  const size_t last = out.find_last_not_of(' ');
  out.resize(last == std::string::npos ? 0 : last + 1);
  return out;
}

}  // namespace

void read_swarm_tags(Said& said) {
  for (const char* field : {"prompt", "negative_prompt"})
    if (const std::string* text = said.find(field); text != nullptr && next_swarm_tag(*text, 0))
      said.replace(field, without_sections(*text, field, said));
}

}  // namespace newbie
