// The run's log: a line of JSON a step, and what was validated.
#pragma once

#include <filesystem>
#include <fstream>
#include <vector>

#include "train/run.h"

namespace newbie {

class StepLog {
 public:
  explicit StepLog(std::filesystem::path path) : path_(std::move(path)) {}

  // Lines beyond `step`, of a run that was killed after its last checkpoint, are taken away.
  void keep_until(int64_t step);
  void add(const StepRow& row, const Dataset& dataset, const std::vector<size_t>& examples);
  void add_validation(int64_t step, double loss);

 private:
  void append(const std::string& line);
  std::filesystem::path path_;
};

}  // namespace newbie
