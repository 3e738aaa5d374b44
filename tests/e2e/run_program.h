// Runs the program as a shell would and keeps what it said.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace newbie::e2e {

struct Outcome {
  int exit_code = -1;  // -1: ended by `signal`
  int signal = 0;
  std::string out, err;
};

struct Invocation {
  std::vector<std::string> arguments;
  std::string program;  // another one than newbie, found in PATH; exit code 127 when it is not there
  std::string standard_input;
  std::map<std::string, std::string> environment;  // beside the caller's
  std::filesystem::path folder;                    // to run in; empty: the caller's
  std::filesystem::path standard_output;           // instead of keeping it
  std::function<void()> before_exec;               // in the new process: limits, closed descriptors
  // In the caller while the program runs, with all it said on stderr so far; called every few milliseconds.
  std::function<void(pid_t process, const std::string& err)> meanwhile;
};

// Kills the program and fails the test after five minutes.
Outcome run(const Invocation& invocation);
Outcome run(std::vector<std::string> arguments);

// Names of everything in a folder, hidden files among them, sorted.
std::vector<std::string> names_in(const std::filesystem::path& folder);

std::filesystem::path program();  // newbie
std::filesystem::path avatar();   // the model of the source tree

}  // namespace newbie::e2e
