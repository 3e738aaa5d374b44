// What to say of a command line that does not parse: the word that nobody knows, and the one that was meant.
#pragma once

#include <CLI/CLI.hpp>

namespace newbie {

// Throws the Error{InvalidRequest} for `failure`, which parsing argv[1 …] has thrown.
[[noreturn]] void refuse(const CLI::App& program, const CLI::ParseError& failure, int argc, const char* const* argv);

}  // namespace newbie
