// How a failure is told: lines on stderr for a person, an exit code for a shell, an object on stdout for a program.
#pragma once

#include <string>
#include <string_view>

#include "core/error.h"
#include "core/json.h"

namespace newbie {

int exit_code(ErrorKind kind);  // of Cancelled: 128 and the signal that asked for it

// Thrown by a command that has told all there is to tell, to end the program with a code of its own.
struct EndWith {
  int code;
};
inline constexpr int kFoundProblems = 1;

// The table of exit codes for help texts.
std::string exit_code_help();

// {"error": {…}}: for a command whose report goes on beside it in one object.
OrderedJson error_json(const Error& error);

// The words of an error, a hint or a warning as they are shown: one line of a bounded length, in which no name out of a
// file or of a file is obeyed (core/printable.h). Whoever tells one goes through here.
std::string in_message(std::string_view words);

// Tells the error and returns the exit code. With `json` the object goes to stdout as well.
int report(const Error& error, bool json);

// The error behind an exception that is none of ours: a refused system call, no memory, a bug.
Error describe(const std::exception& exception);

}  // namespace newbie
