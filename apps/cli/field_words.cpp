#include "field_words.h"

#include <algorithm>
#include <utility>

#include "generate/request_fields.h"

namespace newbie {

namespace {

// Options of the engine whose flags are called otherwise.
constexpr std::pair<std::string_view, std::string_view> kEngineFlags[] = {
    {"transformer", "--diffusion-model"},
    {"clip_model", "--clip"},
    {"check_weights", "newbie inspect --check-weights"},
    {"inspect_graph", "newbie inspect --graph"},
};

}  // namespace

std::string flag_of(std::string_view name) {
  if (const RequestField* field = find_request_field(name)) return "--" + std::string(field->flag);
  const auto known = std::ranges::find(kEngineFlags, name, &std::pair<std::string_view, std::string_view>::first);
  if (known != std::end(kEngineFlags)) return std::string(known->second);
  std::string out = "--" + std::string(name);
  std::replace(out.begin() + 2, out.end(), '_', '-');
  return out;
}

std::string in_flags(std::string_view text) {
  constexpr std::string_view kNameLetters = "abcdefghijklmnopqrstuvwxyz0123456789_";
  std::string out;
  while (!text.empty()) {
    const size_t begin = text.find('`');
    const size_t end = begin == text.npos ? begin : text.find('`', begin + 1);
    if (end == text.npos) break;
    const std::string_view name = text.substr(begin + 1, end - begin - 1);
    // Other backquotes are the user's own: a name of ours has nothing but such letters.
    const bool is_name = !name.empty() && name.find_first_not_of(kNameLetters) == name.npos;
    out += text.substr(0, begin);
    out += is_name ? flag_of(name) : "`";
    text.remove_prefix(is_name ? end + 1 : begin + 1);
  }
  return out.append(text);
}

std::string message_in_flags(const Error& error) {
  const std::string& message = error.message();
  if (error.field().empty() || find_request_field(error.field()) == nullptr) return in_flags(message);
  return flag_of(error.field()) + in_flags(std::string_view(message).substr(error.field().size()));
}

}  // namespace newbie
