#include "generate/recall/adapter_tags.h"

#include <algorithm>

namespace newbie {

namespace {

constexpr std::string_view kTagOpenings[] = {"<lora:", "<lyco:"};

struct AdapterTag {
  size_t begin = 0, end = 0;  // of the text, with its brackets
  std::string_view opening, name;
  std::vector<std::string_view> rest;  // what colons part behind the name
};

std::optional<AdapterTag> next_tag(std::string_view text, size_t from) {
  std::optional<AdapterTag> out;
  for (const std::string_view opening : kTagOpenings) {
    const size_t at = text.find(opening, from), close = at == text.npos ? at : text.find('>', at);
    if (close == text.npos || (out && out->begin < at)) continue;
    out = AdapterTag{at, close + 1, opening, {}, {}};
    std::string_view inside = text.substr(at + opening.size(), close - at - opening.size());
    for (bool is_name = true; is_name || !inside.empty(); is_name = false) {
      const std::string_view part = inside.substr(0, inside.find(':'));
      inside.remove_prefix(std::min(inside.size(), part.size() + 1));
      if (is_name)
        out->name = part;
      else
        out->rest.push_back(part);
    }
  }
  return out;
}

bool is_ours(const AdapterTag& tag) {
  return tag.opening == kTagOpenings[0] && tag.name.find_first_of("()[]{}") == tag.name.npos &&
         (tag.rest.empty() || (tag.rest.size() == 1 && number_of(tag.rest[0])));
}

AdapterInTag adapter_of(const AdapterTag& tag, TagOrder order, Said& said) {
  std::optional<double> first, second;  // by position
  std::optional<double> model, text_encoder;
  const auto lost = [&](std::string_view part) {
    said.lost(fmt::format("{}{}>", tag.opening, shortened(tag.name, 30)), part);
  };
  for (size_t i = 0; i < tag.rest.size(); ++i) {
    const std::string_view part = tag.rest[i];
    const size_t equals = part.find('=');
    const auto number = number_of(equals == part.npos ? part : part.substr(equals + 1));
    const std::string_view key = equals == part.npos ? std::string_view() : part.substr(0, equals);
    if (number && key == "te")
      text_encoder = number;
    else if (number && key == "unet")
      model = number;
    else if (number && key.empty() && i < 2)
      (i == 0 ? first : second) = number;
    else
      lost(part);
  }
  if (!second) second = first;
  if (order == TagOrder::TextEncoderFirst) std::swap(first, second);
  if (!model) model = first ? first : text_encoder;
  if (!text_encoder) text_encoder = second;
  return {std::string(tag.name), model.value_or(1), text_encoder};
}

// Without an empty place in a list of words.
void remove_tag(std::string& text, const AdapterTag& tag) {
  text.erase(tag.begin, tag.end - tag.begin);
  const bool is_first = tag.begin == 0 || std::string_view(text).substr(0, tag.begin).ends_with(", ");
  const std::string_view behind = std::string_view(text).substr(tag.begin);
  if (is_first && behind.starts_with(", "))
    text.erase(tag.begin, 2);
  else if ((is_first || text[tag.begin - 1] == ' ') && (behind.starts_with(' ') || behind.empty()))
    while (!text.empty() && tag.begin > 0 && behind.empty() && (text.back() == ' ' || text.back() == ','))
      text.pop_back();
}

}  // namespace

void take_foreign_adapter_tags(Said& said, TagOrder order) {
  for (const char* field : {"prompt", "negative_prompt"}) {
    const std::string* said_text = said.find(field);
    if (said_text == nullptr) continue;
    std::string text = *said_text;
    size_t at = 0;
    while (const auto tag = next_tag(text, at)) {
      at = is_ours(*tag) ? tag->end : tag->begin;
      if (is_ours(*tag)) continue;
      const AdapterInTag adapter = adapter_of(*tag, order, said);
      said.take_adapter(adapter.name, adapter.model, adapter.text_encoder);
      remove_tag(text, *tag);
    }
    said.replace(field, std::move(text));
  }
}

void leave_out_adapter_tags(Said& said) {
  for (const char* field : {"prompt", "negative_prompt"}) {
    const std::string* said_text = said.find(field);
    if (said_text == nullptr) continue;
    std::string text = *said_text;
    while (const auto tag = next_tag(text, 0)) {
      said.note(fmt::format("`{}`: {} was words there: it is left out", field,
                            shortened(std::string_view(text).substr(tag->begin, tag->end - tag->begin))));
      remove_tag(text, *tag);
    }
    said.replace(field, std::move(text));
  }
}

std::vector<AdapterInTag> adapters_in_tags(std::string_view text, TagOrder order, Said& said) {
  std::vector<AdapterInTag> out;
  size_t at = 0;
  while (const auto tag = next_tag(text, at)) {
    out.push_back(adapter_of(*tag, order, said));
    at = tag->end;
  }
  return out;
}

}  // namespace newbie
