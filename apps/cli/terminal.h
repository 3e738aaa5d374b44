// What a person sees on stderr while a request runs: warnings, stages, and a progress bar where stderr is a terminal.
#pragma once

#include <chrono>
#include <optional>
#include <set>
#include <string>

#include "core/log.h"
#include "generate/run_observer.h"

namespace newbie {

struct Verbosity {
  bool quiet = false;    // nothing at all: errors are told elsewhere
  bool verbose = false;  // information, too
};

class Terminal final : public Log, public RunObserver {
 public:
  explicit Terminal(Verbosity verbosity);
  ~Terminal() override { clear_bar(); }

  void write(LogLevel level, std::string_view text) override;  // a warning that was told already is not told again
  void on_stage(const RunPlace& at) override;
  void on_step(const RunPlace& at, double seconds) override;

  // Of work that is no run: what it is, and how far it is.
  void stage(std::string_view name);
  struct Step {
    int picture = 0, pictures = 1;
    int done = 0, all = 0;
    double seconds = 0;  // of the last
  };
  void step(const Step& at);

  // How much of a long piece of work is done, `done` of `all` in whatever unit; seconds_left: nothing when nobody
  // knows.
  void on_work(std::string_view what, double done, double all, std::optional<double> seconds_left);

  // Text of its own lines, unless quiet.
  void tell(std::string_view text);

  // Takes the bar away, so that other text can follow.
  void clear_bar();

 private:
  void draw(const std::string& line);
  void line(std::string_view text);
  // A pipe or a file wants the first step and then a line every few seconds; with --verbose stages, too.
  bool log_is_due();

  Verbosity verbosity_;
  bool is_terminal_;
  bool bar_shown_ = false;
  std::string stage_;
  std::set<std::string, std::less<>> told_;
  double step_seconds_ = 0;  // of the evaluations of this stage so far
  int steps_ = 0;
  std::optional<std::chrono::steady_clock::time_point> last_logged_;  // a line of progress, where no bar is drawn
};

// "[####....] 37 %" for a terminal of so many columns; without the bar when `columns` is 0.
std::string work_line(std::string_view what, double done, double all, std::optional<double> seconds_left,
                      size_t memory_bytes, size_t columns);

// One line for a step: with a bar where so many columns have room for it, without when `columns` is 0. `mean_seconds`
// of one step gives the ETA.
std::string progress_line(std::string_view stage, const Terminal::Step& step, double mean_seconds, size_t memory_bytes,
                          size_t peak_bytes, size_t columns);

}  // namespace newbie
