#include "field_words.h"

#include <algorithm>
#include <utility>

#include "generate/request_fields.h"

namespace newbie {

namespace {

// Names that are no fields of a request: options of the engine and of commands.
constexpr std::pair<std::string_view, std::string_view> kOptionFlags[] = {
    {"model", "--model"},
    {"transformer", "--diffusion-model"},
    {"text_encoder", "--text-encoder"},
    {"clip_model", "--clip"},
    {"vae", "--vae"},
    {"lenient", "--lenient"},
    {"memory", "--memory"},
    {"device", "--device"},
    {"vram", "--vram"},
    {"dtype", "--dtype"},
    {"precision", "--precision"},
    {"guard", "--guard"},
    {"prompts", "--prompts"},
    {"captions", "--captions"},
    {"layers", "--layers"},
    {"size", "--size"},
    {"check_weights", "newbie inspect --check-weights"},
    {"inspect_graph", "newbie inspect --graph"},
};

}  // namespace

std::string flag_of(std::string_view name) {
  if (const RequestField* field = find_request_field(name)) return "--" + std::string(field->flag);
  const auto known = std::ranges::find(kOptionFlags, name, &std::pair<std::string_view, std::string_view>::first);
  return known == std::end(kOptionFlags) ? "" : std::string(known->second);
}

namespace {

// `show` gives the words for a name; empty: it is none of ours, and the backquotes are the user's own.
template <typename Show>
std::string with_names(std::string_view text, Show show) {
  std::string out;
  while (!text.empty()) {
    const size_t begin = text.find('`');
    const size_t end = begin == text.npos ? begin : text.find('`', begin + 1);
    if (end == text.npos) break;
    const std::string words = show(text.substr(begin + 1, end - begin - 1));
    out += text.substr(0, begin);
    out += words.empty() ? "`" : words;
    text.remove_prefix(words.empty() ? begin + 1 : end + 1);
  }
  return out.append(text);
}

}  // namespace

std::string in_flags(std::string_view text) { return with_names(text, flag_of); }

std::string in_keys(std::string_view text) {
  return with_names(text, [](std::string_view name) {
    return find_request_field(name) != nullptr ? fmt::format("\"{}\"", name) : flag_of(name);
  });
}

std::string message_in_flags(const Error& error) {
  const std::string& message = error.message();
  if (error.field().empty() || find_request_field(error.field()) == nullptr) return in_flags(message);
  return flag_of(error.field()) + in_flags(std::string_view(message).substr(error.field().size()));
}

}  // namespace newbie
