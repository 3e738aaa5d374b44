#include "terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/machine.h"
#include "core/printable.h"
#include "exit_code.h"
#include "field_words.h"
#include "units.h"

namespace newbie {

namespace {

size_t terminal_columns() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

}  // namespace

std::string progress_line(std::string_view stage, const Terminal::Step& r, double mean_seconds, size_t memory_bytes,
                          size_t peak_bytes, size_t columns) {
  const int64_t all = int64_t{r.all} * r.pictures;
  const int64_t done = int64_t{r.all} * r.picture + r.done;
  const std::string picture = r.pictures > 1 ? fmt::format(" {}/{}", r.picture + 1, r.pictures) : "";
  const std::string numbers = fmt::format(" {}/{}  {:.2f} s/it  ETA {}  {} (peak {})", r.done, r.all, r.seconds,
                                          format_duration(mean_seconds * static_cast<double>(all - done)),
                                          format_bytes(memory_bytes), format_bytes(peak_bytes));
  std::string out = fmt::format("{}{}", stage, picture);
  const size_t used = out.size() + numbers.size() + 3;
  if (columns > used + 8) {
    const size_t width = std::min<size_t>(columns - used - 1, 40);
    const size_t full = all > 0 ? width * static_cast<size_t>(done) / static_cast<size_t>(all) : 0;
    out += " [" + std::string(full, '#') + std::string(width - full, '.') + "]";
  }
  out += numbers;
  return out;
}

std::string work_line(std::string_view what, double done, double all, std::optional<double> seconds_left,
                      size_t memory_bytes, size_t columns) {
  const double share = all > 0 ? std::clamp(done / all, 0.0, 1.0) : 1.0;
  const std::string numbers =
      fmt::format(" {:.0f} %  ETA {}  {}  {}", std::floor(share * 100),
                  seconds_left ? format_duration(*seconds_left) : "?", format_bytes(memory_bytes), what);
  if (columns == 0) return numbers.substr(1);
  constexpr size_t kBar = 24;
  const auto full = static_cast<size_t>(share * kBar);
  return "[" + std::string(full, '#') + std::string(kBar - full, '.') + "]" + numbers;
}

Terminal::Terminal(Verbosity verbosity) : verbosity_(verbosity), is_terminal_(::isatty(STDERR_FILENO) != 0) {}

void Terminal::write(LogLevel level, std::string_view text) {
  if (verbosity_.quiet || (level == LogLevel::Info && !verbosity_.verbose)) return;
  if (!told_.emplace(text).second) return;
  line((level == LogLevel::Warning ? "newbie: warning: " : "") + in_message(in_flags(text)));
}

void Terminal::on_stage(const RunPlace& at) {
  if (at.stage != StageKind::Save) stage(to_string(at.stage));
}

void Terminal::on_step(const RunPlace& at, double seconds) {
  step({at.picture, at.pictures, at.evaluation, at.evaluations, seconds});
}

void Terminal::stage(std::string_view name) {
  if (verbosity_.quiet) return;
  std::string shown = in_one_line(name);
  const bool again = stage_ == shown;
  if (!again) step_seconds_ = steps_ = 0;  // another kind of work takes another time
  stage_ = std::move(shown);
  if (is_terminal_)
    draw(stage_ + " …");
  else if (!again && verbosity_.verbose)
    line(stage_);
}

bool Terminal::log_is_due() {
  constexpr auto kBetween = std::chrono::seconds(5);
  const auto now = std::chrono::steady_clock::now();
  if (last_logged_ && now - *last_logged_ < kBetween) return false;
  last_logged_ = now;
  return true;
}

void Terminal::step(const Step& at) {
  if (verbosity_.quiet) return;
  step_seconds_ += at.seconds;
  ++steps_;
  if (!is_terminal_ && !log_is_due()) return;
  const std::string text = progress_line(stage_, at, step_seconds_ / steps_, resident_bytes(), peak_resident_bytes(),
                                         is_terminal_ ? terminal_columns() : 0);
  is_terminal_ ? draw(text) : line(text);
}

void Terminal::on_work(std::string_view what, double done, double all, std::optional<double> seconds_left) {
  if (verbosity_.quiet) return;
  if (!is_terminal_ && !log_is_due()) return;
  const std::string text =
      work_line(what, done, all, seconds_left, resident_bytes(), is_terminal_ ? terminal_columns() : 0);
  is_terminal_ ? draw(text) : line(text);
}

void Terminal::tell(std::string_view text) {
  if (!verbosity_.quiet) line(text);
}

void Terminal::clear_bar() {
  if (!bar_shown_) return;
  std::fputs("\r\x1b[K", stderr);
  std::fflush(stderr);
  bar_shown_ = false;
}

void Terminal::draw(const std::string& text) {
  // The mark of a cut fits, and the last column, which would wrap, stays free. No character is wider than its bytes are
  // many.
  const size_t most_bytes = std::max<size_t>(terminal_columns(), 3) - 2;
  std::fprintf(stderr, "\r%s\x1b[K", in_one_line(text, most_bytes).c_str());
  std::fflush(stderr);
  bar_shown_ = true;
}

void Terminal::line(std::string_view text) {
  clear_bar();
  std::fprintf(stderr, "%s\n", printable(text).c_str());
}

}  // namespace newbie
