// Completion for bash, from 3.2 on (so without mapfile and associative arrays).
#include <fmt/format.h>

#include "completions/completions.h"

namespace newbie {

namespace {

std::string actions(const FlagInfo& flag) {
  std::string out;
  if (!flag.words.empty()) out += fmt::format("_newbie_words {}; ", shell_quoted(joined(flag.words)));
  if (flag.takes_files)
    out += "_newbie_paths -f; ";
  else if (flag.takes_folders)
    out += "_newbie_paths -d; ";
  return out;
}

std::string case_of(const CommandInfo& command) {
  std::string names, values;
  for (const FlagInfo& flag : command.flags) {
    names += (names.empty() ? "" : " ") + joined(flag.names);
    if (flag.takes_value()) values += fmt::format("        {}) {}return ;;\n", joined(flag.names, "|"), actions(flag));
  }
  std::string rest;
  for (const CommandInfo& below : command.commands) rest += (rest.empty() ? "" : " ") + below.last_name();
  if (!rest.empty()) rest = fmt::format("_newbie_words {}; ", shell_quoted(rest));
  for (const FlagInfo& positional : command.positionals) rest += actions(positional);
  std::string out = fmt::format("    {})\n", shell_quoted(command.name));
  if (!values.empty()) out += "      case $flag in\n" + values + "      esac\n";
  out += fmt::format("      case $cur in\n        -*) _newbie_words {} ;;\n        *) {};;\n      esac ;;\n",
                     shell_quoted(names), rest.empty() ? ": " : rest);
  return out;
}

}  // namespace

std::string bash_completion(const CommandInfo& program) {
  std::string below, cases;
  for (const CommandInfo* command : all_commands(program)) {
    if (command != &program) below += (below.empty() ? "" : "|") + shell_quoted(command->name);
    cases += case_of(*command);
  }
  return fmt::format(R"(# bash completion for newbie, written by: newbie completions bash

_newbie_words() {{
  local word
  while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -W "$1" -- "$cur")
}}

_newbie_paths() {{
  local path
  compopt -o filenames 2>/dev/null
  while IFS= read -r path; do COMPREPLY+=("$path"); done < <(compgen "$1" -- "$cur")
}}

_newbie() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} flag=${{COMP_WORDS[COMP_CWORD-1]}} command=newbie i
  COMPREPLY=()
  # bash makes three words of --flag=value.
  if [[ $cur == = ]]; then
    cur=
  elif [[ $flag == = ]]; then
    flag=${{COMP_WORDS[COMP_CWORD-2]}}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$command ${{COMP_WORDS[i]}}" in
      {}) command="$command ${{COMP_WORDS[i]}}" ;;
    esac
  done
  case $command in
{}  esac
}}

complete -F _newbie newbie
)",
                     below, cases);
}

}  // namespace newbie
