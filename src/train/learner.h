// Learner: everything that a step of training changes, and the step itself: unscale, look, clip, move, remember. A
// checkpoint is what is in it.
#pragma once

#include <optional>

#include "train/grad_scaler.h"
#include "train/lr_schedule.h"
#include "train/optimizer.h"

namespace newbie {

struct LearnerOptions {
  double lr = 1e-4;
  LrSchedule schedule;
  OptimizerOptions optimizer;
  double clip = 1.0;    // of the global norm; 0: none
  bool scaled = false;  // f16: losses are scaled
  GradScaler start;     // of such a run
  GradScalerOptions scaler;
  std::optional<double> ema;  // decay of a mean of the parameters
};

struct StepOutcome {
  bool taken = false;  // false: a gradient was not finite, nothing moved but the scale
  double lr = 0;
  double norm = 0;       // of the gradients before clipping; not finite when not taken
  float scale = 1;       // of the step's losses
  std::string bad_name;  // the first parameter whose gradient was not finite
};

class Learner {
 public:
  Learner(const LearnerOptions& options, Parameters parameters);

  const Parameters& parameters() const { return parameters_; }
  Parameters& parameters() { return parameters_; }
  const std::vector<std::vector<float>>& mean() const { return mean_; }  // of parameters; empty without ema
  std::vector<std::vector<float>>& mean() { return mean_; }
  Optimizer& optimizer() { return optimizer_; }
  const Optimizer& optimizer() const { return optimizer_; }
  const GradScaler& scaler() const { return scaler_; }
  void set_scaler(const GradScaler& scaler) { scaler_ = scaler; }

  // What each sample's loss is multiplied with before its way back: the scale, and the mean over the `samples` of a
  // step. It stays while a step lasts.
  float loss_gradient(int64_t samples) const;

  // `sums`: the gradients of all samples of a step, each with loss_gradient(). The schedule counts steps that were
  // taken.
  StepOutcome step(Tensors32 sums);

 private:
  LearnerOptions options_;
  Parameters parameters_;
  Optimizer optimizer_;
  GradScaler scaler_;
  std::vector<std::vector<float>> mean_;
};

}  // namespace newbie
