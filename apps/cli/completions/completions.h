// Completions of the command line, written as scripts for shells. All of them offer commands, flags, the words a flag
// takes, and files and folders where a flag wants them.
#pragma once

#include <string>

#include "command_tree.h"

namespace newbie {

std::string bash_completion(const CommandInfo& program);
std::string zsh_completion(const CommandInfo& program);
std::string fish_completion(const CommandInfo& program);

// In single quotes, for bash and zsh (a quote is written outside of them) and for fish (it is escaped inside).
std::string shell_quoted(const std::string& text);
std::string fish_quoted(const std::string& text);

// "-o --output", joined by `between`.
std::string joined(const std::vector<std::string>& words, const std::string& between = " ");

}  // namespace newbie
