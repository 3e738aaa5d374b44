#include "serve/progress_meter.h"

#include <algorithm>

namespace newbie {

ProgressMeter::ProgressMeter(const GenerateRequest& request) : passes_(request.hires_scale > 0 ? 2 : 1) {}

void ProgressMeter::raise_to(double progress) { progress_ = std::clamp(progress, progress_, 1.0); }

void ProgressMeter::stage(const RunPlace& at) {
  if (at.stage >= StageKind::Context) raise_to(kBefore);  // the texts are read
}

void ProgressMeter::step(const RunPlace& at, double seconds) {
  seconds_ += seconds;
  const double of_picture = at.evaluations > 0 ? static_cast<double>(at.evaluation) / at.evaluations : 1;
  const double of_pass = (at.picture + of_picture) / std::max(1, at.pictures);
  evaluated_ = std::max(evaluated_, (at.pass + of_pass) / passes_);
  raise_to(kBefore + (1 - kBefore - kAfter) * evaluated_);
}

std::optional<double> ProgressMeter::seconds_left() const {
  if (evaluated_ <= 0) return std::nullopt;
  return seconds_ / evaluated_ * (1 - evaluated_);
}

}  // namespace newbie
