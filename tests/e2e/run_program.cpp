#include "e2e/run_program.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <thread>

namespace newbie::e2e {

namespace fs = std::filesystem;

namespace {

// A file without a name, for one of the standard streams.
class StreamFile {
 public:
  explicit StreamFile(const std::string& text = {}) {
    std::string name = (fs::temp_directory_path() / "newbie-stream-XXXXXX").string();
    descriptor_ = ::mkstemp(name.data());
    if (descriptor_ < 0) throw std::runtime_error("mkstemp failed for " + name);
    ::unlink(name.c_str());
    if (::pwrite(descriptor_, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
      throw std::runtime_error("cannot write " + name);
  }
  ~StreamFile() { ::close(descriptor_); }
  StreamFile(const StreamFile&) = delete;
  StreamFile& operator=(const StreamFile&) = delete;

  int descriptor() const { return descriptor_; }
  std::string text() const {
    std::string out(static_cast<size_t>(::lseek(descriptor_, 0, SEEK_END)), '\0');
    out.resize(static_cast<size_t>(std::max<ssize_t>(0, ::pread(descriptor_, out.data(), out.size(), 0))));
    return out;
  }

 private:
  int descriptor_ = -1;
};

}  // namespace

Outcome run(const Invocation& invocation) {
  // Its own descriptor for the child's reads; appending for both writers, since the caller moves the offset as it
  // reads.
  const StreamFile in(invocation.standard_input), out, err;
  ::fcntl(out.descriptor(), F_SETFL, O_APPEND);
  ::fcntl(err.descriptor(), F_SETFL, O_APPEND);
  const std::string program_name = invocation.program.empty() ? NEWBIE_PROGRAM : invocation.program;
  std::vector<char*> words{const_cast<char*>(program_name.c_str())};
  for (const std::string& argument : invocation.arguments) words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);

  const pid_t process = ::fork();
  if (process < 0) throw std::runtime_error("fork failed");
  if (process == 0) {
    ::signal(SIGINT, SIG_DFL);
    ::signal(SIGTERM, SIG_DFL);
    ::signal(SIGQUIT, SIG_DFL);
    ::dup2(in.descriptor(), STDIN_FILENO);
    ::dup2(err.descriptor(), STDERR_FILENO);
    const int redirected =
        invocation.standard_output.empty() ? -1 : ::open(invocation.standard_output.c_str(), O_WRONLY | O_CREAT, 0666);
    ::dup2(redirected >= 0 ? redirected : out.descriptor(), STDOUT_FILENO);
    if (!invocation.folder.empty() && ::chdir(invocation.folder.c_str()) != 0) ::_exit(126);
    for (const auto& [name, value] : invocation.environment) ::setenv(name.c_str(), value.c_str(), 1);
    if (invocation.before_exec) invocation.before_exec();
    ::execvp(program_name.c_str(), words.data());
    ::_exit(127);
  }

  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(5);
  int status = 0;
  while (::waitpid(process, &status, WNOHANG) == 0) {
    if (invocation.meanwhile) invocation.meanwhile(process, err.text());
    if (std::chrono::steady_clock::now() > deadline) {
      ::kill(process, SIGKILL);
      ADD_FAILURE() << "the program did not end:\n" << err.text();
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  Outcome outcome{.out = out.text(), .err = err.text()};
  if (WIFEXITED(status)) outcome.exit_code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) outcome.signal = WTERMSIG(status);
  return outcome;
}

Outcome run(std::vector<std::string> arguments) { return run(Invocation{.arguments = std::move(arguments)}); }

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> out;
  for (const auto& entry : fs::directory_iterator(folder)) out.push_back(entry.path().filename().string());
  std::sort(out.begin(), out.end());
  return out;
}

fs::path program() { return NEWBIE_PROGRAM; }
fs::path avatar() { return fs::path(NEWBIE_SOURCE_DIR) / "models/avatar"; }

}  // namespace newbie::e2e
