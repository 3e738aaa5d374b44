#include "profile.h"

#include <algorithm>
#include <set>

#include "core/error.h"
#include "core/files.h"
#include "field_words.h"
#include "generate/request_fields.h"
#include "toml_file.h"

namespace newbie {

namespace {

struct BuiltIn {
  std::string_view name;
  std::string_view toml;
};

constexpr BuiltIn kBuiltIn[] = {
    // The settings of the official demo program.
    {"official-demo", R"(
sampling-method = "midpoint"
scheduler = "official"
steps = 18
cfg-scale = 5.0
cfg-trunc = 0.25
renorm-cfg = 0.0
)"},
};

constexpr size_t kMaxProfileBytes = size_t{1} << 20;

// Flags about this very run, not about pictures.
constexpr std::string_view kNotInProfiles[] = {"help", "profile", "from", "json", "quiet", "verbose"};

std::string number_text(const toml::node& value) {
  if (const auto* integer = value.as_integer()) return std::to_string(integer->get());
  if (const auto* real = value.as_floating_point()) return fmt::format("{}", real->get());
  return {};
}

// The texts that would stand on the command line, one for each time the flag is given; none: a kind of value no flag
// has.
std::vector<std::string> flag_texts(const toml::node& value) {
  if (const auto* text = value.as_string()) return {text->get()};
  if (const auto* truth = value.as_boolean()) return {truth->get() ? "true" : "false"};
  if (const auto* list = value.as_array()) {
    std::vector<std::string> texts;
    std::string numbers;
    for (const toml::node& one : *list) {
      const std::string number = number_text(one);
      if (const auto* text = one.as_string(); text != nullptr && numbers.empty())
        texts.push_back(text->get());
      else if (!number.empty() && texts.empty())
        numbers += (numbers.empty() ? "" : ",") + number;
      else
        return {};
    }
    return texts.empty() ? std::vector{numbers} : texts;
  }
  std::string number = number_text(value);
  if (number.empty()) return {};
  return {number};
}

CLI::Option* find_flag(CLI::App& parser, std::string key) {
  if (const RequestField* field = find_request_field(key)) key = field->flag;
  std::replace(key.begin(), key.end(), '_', '-');
  if (std::find(std::begin(kNotInProfiles), std::end(kNotInProfiles), key) != std::end(kNotInProfiles)) return nullptr;
  return parser.get_option_no_throw("--" + key);
}

std::string keys_of(const CLI::App& parser) {
  std::string out;
  for (const CLI::Option* option : parser.get_options())
    for (const std::string& name : option->get_lnames())
      if (std::find(std::begin(kNotInProfiles), std::end(kNotInProfiles), name) == std::end(kNotInProfiles))
        out += (out.empty() ? "" : ", ") + name;
  return out;
}

void apply(CLI::App& parser, std::string_view text, const std::string& where) {
  const toml::table table = parse_toml(text, where);
  std::set<const CLI::Option*> given;
  for (const CLI::Option* option : parser.get_options())
    if (option->count() > 0) given.insert(option);

  for (const auto& [key, value] : table) {
    const std::string name(key.str());
    const std::string at = fmt::format("{}:{}", where, value.source().begin.line);
    CLI::Option* option = find_flag(parser, name);
    if (option == nullptr)
      fail_with_hint(ErrorKind::InvalidRequest, "keys: " + keys_of(parser), "{}: unknown key '{}'", at, name);
    const std::vector<std::string> words = flag_texts(value);
    if (words.empty() || (words.size() > 1 && option->get_items_expected_max() == 1))
      fail(ErrorKind::InvalidRequest, "{}: {}: expected a string, a number, true, false or a list of numbers", at,
           name);
    const std::set<CLI::Option*> excluded = option->get_excludes();
    const bool overruled = std::any_of(excluded.begin(), excluded.end(), [&](auto* o) { return given.contains(o); });
    if (given.contains(option) || overruled) continue;
    for (const CLI::Option* other : excluded)
      if (other->count() > 0)
        fail(ErrorKind::InvalidRequest, "{}: {} and {} exclude each other", at, name, other->get_lnames().front());
    if (option->count() > 0) fail(ErrorKind::InvalidRequest, "{}: {} is set twice", at, name);
    try {
      for (const std::string& one : words) option->add_result(one);
      option->run_callback();
    } catch (const Error& e) {
      throw Error(e.kind(), fmt::format("{}: {}", at, message_in_flags(e)), e.hint());
    } catch (const CLI::Error& e) {
      fail(ErrorKind::InvalidRequest, "{}: {}", at, e.what());
    }
  }
}

}  // namespace

std::string profile_names() {
  std::string out;
  for (const BuiltIn& profile : kBuiltIn) out += (out.empty() ? "" : ", ") + std::string(profile.name);
  return out;
}

void apply_profile(CLI::App& parser, const std::string& name_or_file) {
  for (const BuiltIn& profile : kBuiltIn)
    if (profile.name == name_or_file) return apply(parser, profile.toml, "profile " + name_or_file);
  std::error_code ignored;
  if (!std::filesystem::exists(name_or_file, ignored))
    fail_with_hint(ErrorKind::InvalidRequest, fmt::format("profiles: {}, or the path of a .toml file", profile_names()),
                   "--profile: no profile and no file of the name '{}'", name_or_file);
  apply(parser, read_file(name_or_file, kMaxProfileBytes), name_or_file);
}

}  // namespace newbie
