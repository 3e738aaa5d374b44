#include "command_tree.h"

#include <algorithm>
#include <cctype>

#include "flags.h"

namespace newbie {

namespace {

// "NAME|FILE" by '|', "a, b, c" by ", ".
std::vector<std::string> split(const std::string& text, const std::string& by) {
  std::vector<std::string> out;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find(by, begin), text.size());
    out.push_back(text.substr(begin, end - begin));
    begin = end + by.size();
  }
  return out;
}

bool is_placeholder(const std::string& word) {
  return std::none_of(word.begin(), word.end(), [](unsigned char c) { return std::islower(c) || std::isdigit(c); });
}

FlagInfo flag_info(const CLI::Option& option) {
  FlagInfo out{.group = option.get_group(), .help = option.get_description()};
  for (const std::string& name : option.get_snames()) out.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) out.names.push_back("--" + name);
  const bool positional = out.names.empty();
  if (positional) out.names.push_back(option.get_name(true));
  if (option.get_items_expected_max() == 0) return out;
  out.repeats = option.get_items_expected_max() > 1;
  // What a positional is called says what it is.
  const std::string type = positional && option.get_type_name() == "TEXT" ? out.names.front() : option.get_type_name();
  const size_t words = type.find(kTypeWords);
  out.type = type.substr(0, words);
  for (const std::string& word : split(out.type, "|")) {
    if (!is_placeholder(word)) out.words.push_back(word);
    out.takes_files |= word.starts_with("FILE") || word.starts_with("PATH");
    out.takes_folders |= word.starts_with("DIR") || word.starts_with("PATH");
  }
  if (words != std::string::npos) {
    const size_t begin = words + std::string(kTypeWords).size();
    for (std::string& word : split(type.substr(begin, type.size() - begin - 1), ", "))
      out.words.push_back(std::move(word));
  }
  return out;
}

CommandInfo command_info(const CLI::App& app, const std::string& before) {
  CommandInfo out{.name = before + app.get_name(), .about = app.get_description(), .footer = app.get_footer()};
  for (const CLI::Option* option : app.get_options())
    (option->nonpositional() ? out.flags : out.positionals).push_back(flag_info(*option));
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
    out.commands.push_back(command_info(*command, out.name + ' '));
  return out;
}

void collect(const CommandInfo& command, std::vector<const CommandInfo*>& out) {
  out.push_back(&command);
  for (const CommandInfo& below : command.commands) collect(below, out);
}

}  // namespace

CommandInfo command_tree(const CLI::App& program) { return command_info(program, ""); }

std::vector<const CommandInfo*> all_commands(const CommandInfo& program) {
  std::vector<const CommandInfo*> out;
  collect(program, out);
  return out;
}

std::string first_line(const std::string& help) { return help.substr(0, help.find('\n')); }

}  // namespace newbie
