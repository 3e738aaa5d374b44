// Checkpoints: folders that hold all a run is, renamed into place when they are whole. What a killed run leaves behind
// is the last whole one and perhaps a folder that no one looks at.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/log.h"
#include "train/learner.h"

namespace newbie {

inline constexpr const char* kParametersFile = "parameters.safetensors";  // of a checkpoint: what is trained, in f32

// Where a run is. With the run's seed these are all of its random numbers, too.
struct RunState {
  int64_t step = 0;              // that were tried
  int64_t epoch = 0, group = 0;  // the next: groups are the steps of an epoch
  uint64_t samples = 0;          // drawn so far: the number that times and noise of the next go by
  int64_t skipped = 0;           // steps that were not taken
  int64_t bad_in_a_row = 0;      // the last of them
  double smoothed_loss = 0;
  double best_validation = 0;  // of the checkpoints
  int64_t best_step = 0;       // whose it is; 0: none yet
  bool looked_at = true;       // the last step was validated, if that was due
  bool operator==(const RunState&) const = default;
};

// Writes "checkpoint_00000120" into `folder`: parameters.safetensors and optimizer.safetensors (and mean.safetensors),
// state.json with their hashes, and what `more` puts into the folder it is given. Error{Internal} when a parameter is
// not finite: such a state never takes the place of another. Returns the checkpoint's path.
std::filesystem::path write_checkpoint(const std::filesystem::path& folder, const Learner& learner,
                                       const RunState& state, const std::string& run_hash,
                                       const std::function<void(const std::filesystem::path&)>& more = {});

std::filesystem::path checkpoint_path(const std::filesystem::path& folder, int64_t step);

struct CheckpointPlace {
  std::filesystem::path path;
  int64_t step = 0;
};
std::vector<CheckpointPlace> list_checkpoints(const std::filesystem::path& folder);  // the latest first

// Error{BadFile} when a file is missing, changed or of another run's shape; `learner` is then as it was. Warns when the
// run's settings (`run_hash`) were others.
RunState read_checkpoint(const std::filesystem::path& checkpoint, Learner& learner, const std::string& run_hash,
                         Log& log);

// All but the `keep` latest and those in `spared` are removed, and what killed runs left half written.
void remove_old_checkpoints(const std::filesystem::path& folder, size_t keep,
                            const std::vector<std::filesystem::path>& spared = {});

}  // namespace newbie
