// Training runs of several precisions, side by side: what each came to, as a page and as JSON.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "train/run.h"
#include "train/step_log.h"

namespace newbie {

// One run of one row, and what became of it.
struct ComparedTraining {
  uint64_t seed = 0;
  LoggedRun log;
  std::string ended;  // why it stopped before its end; empty: it did not
  float last_scale = 1;
  int64_t skipped = 0;
  std::vector<std::pair<int64_t, double>> drift;  // step, parameter_drift from the first row's run of this seed
};

struct TrainingRow {
  std::string name;  // "f16 + scaler"
  size_t planned_bytes = 0;
  std::vector<ComparedTraining> runs;  // one a seed
};

std::string compare_training_page(const TrainOptions& options, const std::vector<TrainingRow>& rows);
OrderedJson compare_training_json(const std::vector<TrainingRow>& rows);

}  // namespace newbie
