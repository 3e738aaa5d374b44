#include "serve/progress_meter.h"

#include <algorithm>

namespace newbie {

ProgressMeter::ProgressMeter(const GenerateRequest& request) : passes_(request.hires_scale > 0 ? 2 : 1) {}

void ProgressMeter::raise_to(double progress) { progress_ = std::clamp(progress, progress_, 1.0); }

void ProgressMeter::stage(std::string_view name) {
  if (name == "hires") pass_ = passes_ - 1;
  if (name == "context" || name == "denoise") raise_to(kBefore);
}

void ProgressMeter::step(const StepReport& report) {
  seconds_ += report.seconds;
  const double of_picture = report.evaluations > 0 ? static_cast<double>(report.evaluation) / report.evaluations : 1;
  const double of_pass = (report.picture + of_picture) / std::max(1, report.pictures);
  evaluated_ = std::max(evaluated_, (pass_ + of_pass) / passes_);
  raise_to(kBefore + (1 - kBefore - kAfter) * evaluated_);
}

std::optional<double> ProgressMeter::seconds_left() const {
  if (evaluated_ <= 0) return std::nullopt;
  return seconds_ / evaluated_ * (1 - evaluated_);
}

}  // namespace newbie
