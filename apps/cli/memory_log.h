// --memory-log: the memory of a running request at named points, as JSON lines; and such files read back.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/log.h"
#include "generate/text_to_image.h"

namespace newbie {

// A moment of a run. Allocated is what the engine has taken for weights, arenas and buffers; resident is what the
// process holds of the machine (the system's "reserved"), program and libraries included.
struct MemoryPoint {
  std::string name;   // "before loading", "after encoders", "denoise running", "step"
  std::string stage;  // of the request; empty outside
  int step = 0;       // of the denoiser, from 1; 0 elsewhere
  double seconds = 0;
  size_t resident_bytes = 0, peak_resident_bytes = 0;
  size_t allocated_bytes = 0, weights_bytes = 0;
  size_t planned_bytes = 0;  // allocated at most in this stage, by the plan; 0: not known
};

struct MemoryRecord {
  std::string precision;  // empty when the run did not get as far
  int threads = 0;
  std::vector<MemoryPoint> points;
};

// Every line of `text`; Error{BadFile} naming `where` and the line.
MemoryRecord parse_memory_log(std::string_view text, const std::string& where);
MemoryRecord read_memory_log(const std::filesystem::path& path);

// Without a path it does nothing. The file is written anew, atomically, at every stage, so that a run that was killed
// has told how far it got.
class MemoryLog final : public RunObserver {
 public:
  MemoryLog(std::optional<std::filesystem::path> path, Log& log);  // notes "before loading"

  // Writes what was noted so far: once it is known that no other output has that name. Error{BadFile} when the file
  // cannot be written; later that is a warning.
  void begin();
  void opened(const TextToImage& engine);  // must outlive the log, as jobs must their runs
  void planned(const Job& job);
  void ended() noexcept;                  // that job goes, and what it had with it
  RunObserver& watch(RunObserver& next);  // to be given to run() instead of `next`
  void finish();

  void on_stage(const RunPlace& at) override;
  void on_step(const RunPlace& at, double seconds) override;
  void on_preview(const RunPlace& at, const Preview& preview) override { next_->on_preview(at, preview); }
  void on_run(const RunPlace& at, std::string_view part, const Program& program, const Bindings& bindings) override;

 private:
  void note(std::string name, int step = 0);
  void write();

  std::optional<std::filesystem::path> path_;
  Log& log_;
  const TextToImage* engine_ = nullptr;
  const Job* job_ = nullptr;  // that runs
  RunObserver* next_ = nullptr;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::map<std::string, size_t, std::less<>> planned_;
  std::string stage_, text_;
  bool told_running_ = false;
};

}  // namespace newbie
