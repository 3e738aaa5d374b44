#include "train/lr_schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace newbie {

namespace {

constexpr LrScheduleRow kSchedules[] = {
    {LrScheduleKind::Constant, "constant"},
    {LrScheduleKind::ConstantWithWarmup, "constant_with_warmup"},
    {LrScheduleKind::Linear, "linear"},
    {LrScheduleKind::Cosine, "cosine"},
    {LrScheduleKind::CosineWithRestarts, "cosine_with_restarts"},
    {LrScheduleKind::Polynomial, "polynomial"},
};

double half_cosine(double p) { return std::max(0.0, 0.5 * (1.0 + std::cos(std::numbers::pi * p))); }

}  // namespace

std::span<const LrScheduleRow> lr_schedules() { return kSchedules; }

std::optional<LrScheduleKind> find_lr_schedule(std::string_view name) {
  for (const LrScheduleRow& row : kSchedules)
    if (row.name == name) return row.kind;
  return std::nullopt;
}

double LrSchedule::factor(int64_t k) const {
  const auto at = static_cast<double>(k), rise = static_cast<double>(warmup), end = static_cast<double>(total);
  if (kind == LrScheduleKind::Constant) return 1.0;
  if (k < warmup) return at / std::max(1.0, rise);
  const double p = (at - rise) / std::max(1.0, end - rise);
  switch (kind) {
    case LrScheduleKind::Constant:
    case LrScheduleKind::ConstantWithWarmup: return 1.0;
    case LrScheduleKind::Linear: return std::max(0.0, (end - at) / std::max(1.0, end - rise));
    case LrScheduleKind::Cosine: return half_cosine(p);
    case LrScheduleKind::CosineWithRestarts:
      return p >= 1.0 ? 0.0 : half_cosine(std::fmod(p * static_cast<double>(cycles), 1.0));
    case LrScheduleKind::Polynomial: return k > total ? last_factor : (1.0 - last_factor) * (1.0 - p) + last_factor;
  }
  return 1.0;
}

}  // namespace newbie
