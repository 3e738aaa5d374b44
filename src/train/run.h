// One training run: its settings, what it will take, and the run itself.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "generate/model_layout.h"
#include "train/adapters.h"
#include "train/dataset.h"
#include "train/features.h"
#include "train/learner.h"
#include "train/loss_network.h"
#include "train/objective.h"
#include "train/ranks.h"
#include "train/samples.h"

namespace newbie {

enum class ScalerChoice { Auto, On, Off };  // Auto: losses are scaled when the network computes in f16

struct TrainOptions {
  ModelPaths model;
  std::filesystem::path data, output;
  std::optional<std::filesystem::path> validation_data;
  std::optional<std::filesystem::path> cache;  // of encoded pictures and captions; else "cache" in `output`
  std::string name = "adapter";                // of what is written
  BucketOptions buckets;
  bool strict = false;
  std::optional<std::string> system_prompt;
  double caption_dropout = 0;
  TagOptions tags;
  bool official_caches = false;

  AdapterOptions adapter;
  OptimizerOptions optimizer;
  double lr = 1e-4;
  LrScheduleKind schedule = LrScheduleKind::Cosine;
  int64_t warmup = 0, cycles = 1;
  double clip = 1.0;
  std::optional<double> ema;
  int64_t batch_size = 1, accumulate = 1;
  int64_t epochs = 1;
  int64_t steps = 0;  // 0: by epochs
  TimeOptions times;

  PrecisionRequest precision, encoder_precision;
  ScalerChoice scaler = ScalerChoice::Auto;
  GradScaler scaler_start;
  GradScalerOptions scaler_options;
  int64_t most_bad_steps = 20;  // in a row, then the run stops
  size_t activation_bytes = 0;  // of the arena; 0: as large as it is
  bool recompute = false;       // activations, also where there is room
  size_t memory_bytes = 0;      // of training, the encoders and the program aside; 0: whatever it takes
  DType saved_dtype = DType::BF16;

  int64_t save_every = 0;      // steps; 0: at the end of each epoch
  int64_t keep = 3;            // checkpoints
  bool save_start = false;     // a checkpoint before the first step
  int64_t validate_every = 0;  // steps; 0: at each checkpoint
  SampleOptions samples;
  uint64_t seed = 42;
  int threads = 1;
};

// Error{InvalidRequest} names the setting that makes no sense.
void check_options(const TrainOptions& options);

// Hashes of what decides a run's numbers: of its settings, and of its pictures with captions, sizes and repeats.
std::string settings_hash(const TrainOptions& options);
std::string data_hash(const Dataset& dataset);

struct TrainPlan {
  Dataset dataset;
  std::vector<size_t> tokens;  // by example, Gemma's
  std::vector<Features::Lost> lost;
  AdapterPlan adapter;
  size_t parameters = 0;  // numbers that are trained
  int64_t steps_per_epoch = 0, steps = 0;
  // Of training, not of encoding: the largest shape there is.
  size_t arena_bytes = 0, weight_bytes = 0, state_bytes = 0;  // states: parameters, gradients, moments, sums
  LossNetwork::Base base = LossNetwork::Base::Kept;
  size_t bytes() const { return arena_bytes + weight_bytes + state_bytes; }
  double flop_per_epoch = 0;         // at most: every sample as large as the largest
  DType dtype = DType::F32;          // that the network computes in
  std::vector<std::string> reasons;  // of the precision
};

// Everything that can be known without running a network.
TrainPlan plan_training(const TrainOptions& options, Log& log);

struct StepRow {
  int64_t step = 0, steps = 0, epoch = 0;
  double loss = 0, smoothed_loss = 0;
  StepOutcome outcome;
  std::vector<double> times, losses;  // of the samples of this step, each
  double seconds = 0;
  size_t resident_bytes = 0;  // of the process, after it
};

class TrainObserver {
 public:
  virtual ~TrainObserver() = default;
  virtual void on_encode(std::string_view what, size_t done, size_t of) = 0;
  virtual void on_resume(const std::filesystem::path& checkpoint, int64_t step) = 0;
  virtual void on_step(const StepRow& row) = 0;
  virtual void on_validation(int64_t step, double loss) = 0;
  virtual void on_checkpoint(const std::filesystem::path& path) = 0;
  virtual void on_sample(const std::filesystem::path& path) = 0;
};

struct TrainResult {
  int64_t steps = 0, skipped = 0;
  bool stopped = false;  // by the stop token; a checkpoint was written
  double smoothed_loss = 0;
  std::filesystem::path adapter;
  int64_t best_step = 0;  // of the checkpoint with the lowest validation loss; 0: nothing was validated
  double best_validation = 0;
};

// Resumes from the latest whole checkpoint in options.output. Everything that decides a number is a function of the
// options and the step: a run that was stopped or killed anywhere and started again writes the same bytes as one that
// was not, whatever its threads, and however many `ranks` (null: this process alone) share the work. A checkpoint of
// other settings, pictures or another base is gone on from with a warning.
// Error{InvalidRequest} when the folder is in use, or when nothing would be trained of what changed; Error{Internal}
// with the first bad value's name after `most_bad_steps` steps in a row whose gradients were not finite.
TrainResult run_training(const TrainOptions& options, Log& log, TrainObserver& observer, StopToken stop,
                         Ranks* ranks = nullptr);

}  // namespace newbie
