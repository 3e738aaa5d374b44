// Adds flags to a command's parser. Values are read by our own parsers, so that every message looks alike.
#pragma once

#include <CLI/CLI.hpp>
#include <concepts>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/named.h"
#include "units.h"

namespace newbie {

// A type name is what the help shows for a value: "N", "FILE" (files), "DIR" (folders), "PATH" (both), "a|b" (one of
// these words), or several of them ("NAME|FILE"). Words that the help need not show follow in parentheses.
inline constexpr const char* kTypeWords = " (";
inline std::string shown_type(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  return type.substr(0, type.find(kTypeWords));
}

class Flags {
 public:
  // What is added from now on stands under `group` in the help text. The parser and all targets must outlive parsing.
  Flags(CLI::App& parser, std::string group) : parser_(parser), group_(std::move(group)) {}

  // Calls `take` with the value; of a flag given twice, with the last one.
  template <typename Take>
  CLI::Option* value(const std::string& names, const std::string& type, const std::string& help, Take take) {
    return parser_.add_option_function<std::string>(names, std::move(take), help)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)
        ->type_name(type)
        ->group(group_);
  }

  // Of a flag given several times, all values in their order; each gives one.
  CLI::Option* values(const std::string& names, const std::string& type, const std::string& help,
                      std::vector<std::string>& target) {
    const auto take = [&target](const std::vector<std::string>& given) { target = given; };
    return parser_.add_option_function<std::vector<std::string>>(names, take, help)
        ->allow_extra_args(false)
        ->type_name(type)
        ->group(group_);
  }

  template <typename Text>  // std::string, path, or optional of one
  CLI::Option* text(const std::string& names, Text& target, const std::string& type, const std::string& help) {
    return value(names, type, help, [&target](const std::string& given) { target = given; });
  }

  // The same, with words that may be given, as in "a, b, c": completions offer them, the type's own text in the help
  // stays short. They are suggestions; who takes the value refuses what is none.
  template <typename Text>
  CLI::Option* named(const std::string& names, Text& target, const std::string& type, const std::string& words,
                     const std::string& help) {
    return text(names, target, type + kTypeWords + words + ")", help);
  }

  template <std::integral T>
  CLI::Option* integer(const std::string& names, T& target, const std::string& help,
                       int64_t low = std::numeric_limits<T>::min(),
                       int64_t high = std::cmp_less(std::numeric_limits<T>::max(), std::numeric_limits<int64_t>::max())
                                          ? static_cast<int64_t>(std::numeric_limits<T>::max())
                                          : std::numeric_limits<int64_t>::max()) {
    return value(names, "N", help, [&target, what = long_name(names), low, high](const std::string& given) {
      const int64_t number = parse_integer(what, given);
      if (number < low || number > high)
        fail(ErrorKind::InvalidRequest, "{}: expected {} to {}, got {}", what, low, high, number);
      target = static_cast<T>(number);
    });
  }

  CLI::Option* real(const std::string& names, double& target, const std::string& help) {
    return value(names, "X", help,
                 [&target, what = long_name(names)](const std::string& given) { target = parse_real(what, given); });
  }

  // One of a few words.
  template <typename T>
  CLI::Option* choice(const std::string& names, T& target, std::vector<std::pair<std::string, T>> choices,
                      const std::string& help) {
    std::string list, type;
    for (const auto& [name, unused] : choices) {
      list += (list.empty() ? "" : ", ") + name;
      type += (type.empty() ? "" : "|") + name;
    }
    return value(names, type, help,
                 [&target, what = long_name(names), choices = std::move(choices), list](const std::string& given) {
                   for (const auto& [name, meaning] : choices)
                     if (name == given) {
                       target = meaning;
                       return;
                     }
                   fail_with_hint(ErrorKind::InvalidRequest, "possible: " + list, "{}: unknown value '{}'", what,
                                  given);
                 });
  }

  CLI::Option* flag(const std::string& names, bool& target, const std::string& help) {
    return parser_.add_flag(names, target, help)->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)->group(group_);
  }
  // The same, by the table of an enum.
  template <typename T>
  CLI::Option* choice(const std::string& names, T& target, std::span<const Named<T>> table, const std::string& help) {
    std::vector<std::pair<std::string, T>> choices;
    for (const Named<T>& row : table) choices.emplace_back(row.name, row.value);
    return choice(names, target, std::move(choices), help);
  }

  template <typename T>  // sets `target` to `meaning`
  CLI::Option* value_flag(const std::string& names, T& target, T meaning, const std::string& help) {
    const auto take = [&target, meaning](int64_t times) {
      if (times > 0) target = meaning;
    };
    return parser_.add_flag_function(names, take, help)->group(group_);
  }
  CLI::Option* switch_off(const std::string& names, bool& target, const std::string& help) {
    const auto take = [&target](int64_t times) { target = times <= 0; };
    return parser_.add_flag_function(names, take, help)->group(group_);
  }

 private:
  // "-W,--width" -> "--width"
  static std::string long_name(const std::string& names) { return names.substr(names.rfind(',') + 1); }

  CLI::App& parser_;
  std::string group_;
};

}  // namespace newbie
