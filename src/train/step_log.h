// What a run tells of itself as it goes: log.jsonl, a line of JSON a step and for what was validated, and the same
// curves for TensorBoard.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "train/event_file.h"
#include "train/run.h"

namespace newbie {

inline constexpr std::string_view kStepLogName = "log.jsonl";

// Error{BadFile} when the disk is full: the run ends, and its last checkpoint stands.
class StepLog {
 public:
  explicit StepLog(const std::filesystem::path& output)
      : path_(output / kStepLogName), events_(output / "tensorboard") {}

  // Lines beyond `step`, of a run that was killed after its last checkpoint, are taken away.
  void begin(int64_t step);
  void add(const StepRow& row, const Dataset& dataset, const std::vector<size_t>& examples);
  void add_validation(int64_t step, double loss);

 private:
  std::filesystem::path path_;
  EventFile events_;
};

// The log as a report reads it; what was no number is NaN. Lines of no known form are passed over. Error{BadFile} when
// there is no log.
struct LoggedStep {
  int64_t step = 0;
  double loss = 0, smoothed_loss = 0, lr = 0, norm = 0, scale = 1, seconds = 0;
  bool taken = false;
  std::vector<double> times, losses;
  size_t resident_bytes = 0;
};
struct LoggedRun {
  std::vector<LoggedStep> steps;
  std::vector<std::pair<int64_t, double>> validation;  // step, loss
};
LoggedRun read_step_log(const std::filesystem::path& output);

}  // namespace newbie
