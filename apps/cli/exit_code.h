// How a failure is told: lines on stderr for a person, an exit code for a shell, an object on stdout for a program.
#pragma once

#include <string>

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

// Of a message, in bytes: names and values out of files may be as long as these.
inline constexpr size_t kLongestMessage = 2000;

// Tells the error and returns the exit code. With `json` the object goes to stdout as well.
int report(const Error& error, bool json);

// The error behind an exception that is none of ours: a refused system call, no memory, a bug.
Error describe(const std::exception& exception);

}  // namespace newbie
