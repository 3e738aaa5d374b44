#include "serve/speed_log.h"

#include <algorithm>

#include "generate/quality.h"

namespace newbie {

double work_of(const GenerateRequest& r, PictureSize size) {
  const auto evaluations = [&](const NoiseLevels& levels) { return static_cast<double>(evaluations_of(r, levels)); };
  const double last = static_cast<double>(size.width) * static_cast<double>(size.height);
  double out = evaluations(noise_levels(r)) * last;
  if (r.hires_scale > 0) out = out / (r.hires_scale * r.hires_scale) + evaluations(hires_noise_levels(r)) * last;
  return out * r.batch;
}

void SpeedLog::add(const std::string& precision, double work, const std::vector<StageTime>& times) {
  constexpr double kShareOfLast = 0.5;
  double evaluating = 0, total = 0;
  for (const StageTime& time : times) {
    if (time.name == to_string(StageKind::FirstPass) || time.name == to_string(StageKind::HiresPass))
      evaluating += time.seconds;
    if (time.name == "total") total = time.seconds;
  }
  if (work <= 0 || evaluating <= 0) return;
  const Speed now{evaluating / work, std::max(0.0, total - evaluating)};
  const auto [known, is_new] = speeds_.emplace(precision, now);
  if (is_new) return;
  Speed& speed = known->second;
  speed.per_work += kShareOfLast * (now.per_work - speed.per_work);
  speed.beside += kShareOfLast * (now.beside - speed.beside);
}

std::optional<double> SpeedLog::seconds(const std::string& precision, double work) const {
  const auto known = speeds_.find(precision);
  if (known == speeds_.end()) return std::nullopt;
  return known->second.per_work * work + known->second.beside;
}

}  // namespace newbie
