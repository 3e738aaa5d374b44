// Completion for zsh: one function for each command, on _arguments.
#include <fmt/format.h>

#include <algorithm>

#include "completions/completions.h"

namespace newbie {

namespace {

std::string function_name(const CommandInfo& command) {
  std::string out = "_" + command.name;
  for (char& c : out)
    if (c == ' ' || c == '-') c = '_';
  return out;
}

// Text inside of a specification, where these have a meaning.
std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string action(const FlagInfo& flag) {
  if (flag.words.empty()) return flag.takes_files ? "_files" : flag.takes_folders ? "_files -/" : " ";
  const std::string words = fmt::format("({})", joined(flag.words));
  if (!flag.takes_files) return words;
  return fmt::format("_alternative \"words\\:word\\:{}\" \"files\\:file\\:_files\"", words);
}

std::string flag_lines(const FlagInfo& flag) {
  std::string out;
  const std::string excluded = flag.names.size() > 1 ? fmt::format("({})", joined(flag.names)) : "";
  for (const std::string& name : flag.names) {
    std::string spec =
        fmt::format("{}{}{}[{}]", excluded, name, flag.takes_value() && name.starts_with("--") ? "=" : "",
                    escaped(first_line(flag.help)));
    if (flag.takes_value()) spec += fmt::format(":{}:{}", escaped(flag.type), action(flag));
    out += fmt::format(" \\\n    {}", shell_quoted(spec));
  }
  return out;
}

std::string function_of(const CommandInfo& command) {
  std::string flags;
  for (const FlagInfo& flag : command.flags) flags += flag_lines(flag);
  if (command.commands.empty()) {
    int place = 0;
    for (const FlagInfo& positional : command.positionals) {
      const std::string where = positional.repeats ? "*" : std::to_string(++place);
      flags += fmt::format(" \\\n    {}", shell_quoted(fmt::format("{}:{}:{}", where, escaped(positional.names.front()),
                                                                   action(positional))));
    }
    return fmt::format("{}() {{\n  _arguments{}\n}}\n\n", function_name(command), flags);
  }
  std::string names, cases;
  for (const CommandInfo& below : command.commands) {
    names += fmt::format("        {}\n", shell_quoted(escaped(below.last_name()) + ":" + first_line(below.about)));
    cases += fmt::format("        {}) {} ;;\n", below.last_name(), function_name(below));
  }
  return fmt::format(R"({}() {{
  local curcontext=$curcontext state line
  local -a commands
  _arguments -C{} \
    '1: :->command' \
    '*:: :->arguments'
  case $state in
    command)
      commands=(
{}      )
      _describe -t commands command commands ;;
    arguments)
      case $line[1] in
{}      esac ;;
  esac
}}

)",
                     function_name(command), flags, names, cases);
}

}  // namespace

std::string zsh_completion(const CommandInfo& program) {
  std::string out = "#compdef newbie\n# zsh completion for newbie, written by: newbie completions zsh\n\n";
  for (const CommandInfo* command : all_commands(program)) out += function_of(*command);
  return out + R"(if [ "$funcstack[1]" = _newbie ]; then
  _newbie "$@"
else
  compdef _newbie newbie
fi
)";
}

}  // namespace newbie
