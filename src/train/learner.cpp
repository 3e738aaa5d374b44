#include "train/learner.h"

#include <cmath>

#include "train/clip.h"

namespace newbie {

Learner::Learner(const LearnerOptions& options, Parameters parameters)
    : options_(options), parameters_(std::move(parameters)), optimizer_(options.optimizer, parameters_) {
  scaler_ = options.scaled ? options.start : GradScaler{1.0f, 0};
  if (options.ema)
    for (const Parameter& p : parameters_.all()) mean_.push_back(p.values);
}

float Learner::loss_gradient(int64_t samples) const {
  return static_cast<float>(static_cast<double>(scaler_.scale) / static_cast<double>(samples));
}

StepOutcome Learner::step(Tensors32 sums) {
  StepOutcome report{.lr = options_.lr * options_.schedule.factor(optimizer_.steps()), .scale = scaler_.scale};
  const float inverse = inverse_scale(scaler_);
  bool finite = true;
  for (size_t i = 0; i < sums.size(); ++i) {
    const bool good = unscale(sums[i], inverse);
    if (!good && finite) report.bad_name = parameters_.all()[i].name;
    finite = finite && good;
  }
  report.norm = global_norm(sums);
  // An f16 run leaves out what PyTorch's scaler leaves out; all leave out a step whose norm is no number.
  report.taken = finite && (options_.scaled || std::isfinite(report.norm));
  if (report.taken) {
    const double factor = clip_factor(report.norm, options_.clip);
    for (auto& tensor : sums) multiply(tensor, factor);
    optimizer_.step(parameters_, sums, report.lr);
    for (size_t i = 0; i < mean_.size(); ++i) move_average(mean_[i], parameters_.all()[i].values, *options_.ema);
  }
  if (options_.scaled) scaler_ = after_step(scaler_, finite, options_.scaler);
  return report;
}

}  // namespace newbie
