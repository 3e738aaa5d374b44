// A training run as one page: curves, samples, what was skipped, what it took.
#pragma once

#include <filesystem>
#include <string>

#include "train/run.h"

namespace newbie {

// Of what lies in the run's output folder: its log and its samples. Error{BadFile} when there is no log.
std::string train_report(const TrainOptions& options);

// Writes "report.html" into the output folder. Returns its path.
std::filesystem::path write_train_report(const TrainOptions& options);

}  // namespace newbie
