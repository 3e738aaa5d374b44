// Profiles: a TOML file, or a built-in text of the same form, that sets flags by their long names.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace newbie {

// Sets every flag of `parser` that the profile names, except those given on the command line and those that exclude
// one given there. To be called after parsing. Keys are long flag names with dashes or underscores, or
// names of a request's fields; values are
// strings, numbers, booleans or, for lists, arrays. Error{InvalidRequest} with path:line for an unknown key or a bad
// value; without such a profile or file it lists the built-in names.
void apply_profile(CLI::App& parser, const std::string& name_or_file);

std::string profile_names();

}  // namespace newbie
