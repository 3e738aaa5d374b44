// Checkpoints: folders that hold all a run is, renamed into place when they are whole. What a killed run leaves behind
// is the last whole one and perhaps a folder that no one looks at.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

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

// Hashes of what decides a run's numbers.
struct RunIdentity {
  std::string settings, data, model;
};

// Writes "checkpoint_00000120" into `folder`: parameters.safetensors and optimizer.safetensors (and mean.safetensors),
// state.json with their hashes, and what `more` puts into the folder it is given. One of the same step is replaced, but
// Error{InvalidRequest} for a folder of that name that is no checkpoint. Error{Internal} when a parameter is not
// finite: such a state never takes the place of another. Returns the checkpoint's path.
std::filesystem::path write_checkpoint(const std::filesystem::path& folder, const Learner& learner,
                                       const RunState& state, const RunIdentity& run,
                                       const std::function<void(const std::filesystem::path&)>& more = {});

std::filesystem::path checkpoint_path(const std::filesystem::path& folder, int64_t step);

struct CheckpointPlace {
  std::filesystem::path path;
  int64_t step = 0;
};
// Folders named as checkpoints are, the latest first.
std::vector<CheckpointPlace> list_checkpoints(const std::filesystem::path& folder);

struct SavedRun {
  RunState state;
  std::vector<std::string_view> changed;  // since: "settings", "pictures or captions", "base model"
};
// Error{BadFile} when a file is missing or changed; Error{InvalidRequest} when it is of another shape of adapter or
// another optimizer. `learner` is then as it was.
SavedRun read_checkpoint(const std::filesystem::path& checkpoint, Learner& learner, const RunIdentity& run);

// After a checkpoint of step `newest`: of those up to it all but the `keep` latest and those in `spared` are removed,
// and what killed runs left half written. Later ones, which the run did not go on from, are another's.
void remove_old_checkpoints(const std::filesystem::path& folder, int64_t newest, size_t keep,
                            const std::vector<std::filesystem::path>& spared = {});

}  // namespace newbie
