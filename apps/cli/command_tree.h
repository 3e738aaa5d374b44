// The parser's commands and flags as plain values, for what is made from the help: completions and the man page.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace newbie {

struct FlagInfo {
  std::vector<std::string> names;  // "-p", "--prompt"; a positional has its one name without dashes
  std::string group;
  std::string type;                // as the help shows it; empty: it takes no value
  std::vector<std::string> words;  // that can be its value
  bool takes_files = false, takes_folders = false;
  bool repeats = false;  // it takes any number of values
  std::string help;      // lines

  bool takes_value() const { return !type.empty(); }
};

struct CommandInfo {
  std::string name;  // with all names before it: "newbie prompt lint"
  std::string about, footer;
  std::vector<FlagInfo> flags, positionals;
  std::vector<CommandInfo> commands;

  std::string last_name() const { return name.substr(name.rfind(' ') + 1); }
};

CommandInfo command_tree(const CLI::App& program);

// Itself and every command below, in order.
std::vector<const CommandInfo*> all_commands(const CommandInfo& program);

// The help up to its first line end, for places where one line is shown.
std::string first_line(const std::string& help);

}  // namespace newbie
