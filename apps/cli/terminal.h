// What a person sees on stderr while a request runs: warnings, stages, and a progress bar where stderr is a terminal.
#pragma once

#include <set>
#include <string>

#include "core/log.h"
#include "generate/progress.h"

namespace newbie {

struct Verbosity {
  bool quiet = false;    // nothing at all: errors are told elsewhere
  bool verbose = false;  // information, too
};

class Terminal final : public Log, public Progress {
 public:
  explicit Terminal(Verbosity verbosity);
  ~Terminal() override { clear_bar(); }

  void write(LogLevel level, std::string_view text) override;  // a warning that was told already is not told again
  void on_stage(std::string_view name) override;
  void on_step(const StepReport& report) override;

  // Text of its own lines, unless quiet.
  void tell(std::string_view text);

  // Takes the bar away, so that other text can follow.
  void clear_bar();

 private:
  void draw(const std::string& line);
  void line(std::string_view text);

  Verbosity verbosity_;
  bool is_terminal_;
  bool bar_shown_ = false;
  std::string stage_;
  std::set<std::string, std::less<>> told_;
  double step_seconds_ = 0;  // of the evaluations of this stage so far
  int steps_ = 0;
};

// One line for a report: with a bar and less than `columns` wide, or without either when `columns` is 0.
// `mean_seconds` of one evaluation gives the ETA.
std::string progress_line(std::string_view stage, const StepReport& report, double mean_seconds, size_t memory_bytes,
                          size_t peak_bytes, size_t columns);

}  // namespace newbie
