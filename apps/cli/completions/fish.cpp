// Completion for fish: a line for each command and flag.
#include <fmt/format.h>

#include "completions/completions.h"

namespace newbie {

namespace {

std::string values(const FlagInfo& flag) {
  if (!flag.takes_value()) return "";
  std::string words = joined(flag.words);
  if (flag.takes_files) return words.empty() ? " -r -F" : " -r -F -a " + fish_quoted(words);
  if (flag.takes_folders) words += "(__fish_complete_directories)";
  return words.empty() ? " -x" : " -x -a " + fish_quoted(words);
}

std::string flag_line(const FlagInfo& flag, const std::string& condition) {
  std::string names;
  for (const std::string& name : flag.names)
    names += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
  return fmt::format("complete -c newbie -n {}{}{} -d {}\n", condition, names, values(flag),
                     fish_quoted(first_line(flag.help)));
}

}  // namespace

std::string fish_completion(const CommandInfo& program) {
  std::string below, lines;
  for (const CommandInfo* command : all_commands(program)) {
    if (command != &program) below += " " + fish_quoted(command->name);
    const std::string condition = fish_quoted(fmt::format("__newbie_command_is \"{}\"", command->name));
    for (const CommandInfo& sub : command->commands)
      lines += fmt::format("complete -c newbie -n {} -a {} -d {}\n", condition, fish_quoted(sub.last_name()),
                           fish_quoted(first_line(sub.about)));
    for (const FlagInfo& positional : command->positionals) {
      if (positional.takes_files)
        lines += fmt::format("complete -c newbie -n {} -F\n", condition);
      else if (!positional.words.empty())
        lines += fmt::format("complete -c newbie -n {} -a {}\n", condition, fish_quoted(joined(positional.words)));
    }
    for (const FlagInfo& flag : command->flags) lines += flag_line(flag, condition);
  }
  return fmt::format(R"(# fish completion for newbie, written by: newbie completions fish

function __newbie_command_is
    set -l words (commandline -opc)
    set -l command newbie
    for word in $words[2..-1]
        switch "$command $word"
            case{}
                set command "$command $word"
        end
    end
    test "$command" = "$argv[1]"
end

complete -c newbie -f
{})",
                     below, lines);
}

}  // namespace newbie
