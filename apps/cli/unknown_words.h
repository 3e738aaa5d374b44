// What to say of a command line that does not parse: the word that nobody knows, and the one that was meant.
#pragma once

#include <CLI/CLI.hpp>
#include <span>
#include <string>
#include <vector>

namespace newbie {

// "help generate" as "generate --help", "version" as "--version", nothing as "--help": words other programs take.
std::vector<std::string> meant_words(std::vector<std::string> words);

// Error{InvalidRequest} unless the words in front are commands, as far as commands are asked for: flags that answer
// before anything is checked (--help) would answer for another command.
void require_known_commands(const CLI::App& program, std::span<const std::string> words);

// Throws the Error{InvalidRequest} for `failure`, which parsing `words` has thrown.
[[noreturn]] void refuse(const CLI::App& program, const CLI::ParseError& failure, std::span<const std::string> words);

}  // namespace newbie
