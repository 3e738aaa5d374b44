#include "train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace newbie {

namespace {

constexpr ScheduleRow kSchedules[] = {
    {ScheduleKind::Constant, "constant"},
    {ScheduleKind::ConstantWithWarmup, "constant_with_warmup"},
    {ScheduleKind::Linear, "linear"},
    {ScheduleKind::Cosine, "cosine"},
    {ScheduleKind::CosineWithRestarts, "cosine_with_restarts"},
    {ScheduleKind::Polynomial, "polynomial"},
};

double half_cosine(double p) { return std::max(0.0, 0.5 * (1.0 + std::cos(std::numbers::pi * p))); }

}  // namespace

std::span<const ScheduleRow> schedules() { return kSchedules; }

std::optional<ScheduleKind> find_schedule(std::string_view name) {
  for (const ScheduleRow& row : kSchedules)
    if (row.name == name) return row.kind;
  return std::nullopt;
}

double LrSchedule::factor(int64_t k) const {
  const auto at = static_cast<double>(k), rise = static_cast<double>(warmup), end = static_cast<double>(total);
  if (kind == ScheduleKind::Constant) return 1.0;
  if (k < warmup) return at / std::max(1.0, rise);
  const double p = (at - rise) / std::max(1.0, end - rise);
  switch (kind) {
    case ScheduleKind::Constant:
    case ScheduleKind::ConstantWithWarmup: return 1.0;
    case ScheduleKind::Linear: return std::max(0.0, (end - at) / std::max(1.0, end - rise));
    case ScheduleKind::Cosine: return half_cosine(p);
    case ScheduleKind::CosineWithRestarts:
      return p >= 1.0 ? 0.0 : half_cosine(std::fmod(p * static_cast<double>(cycles), 1.0));
    case ScheduleKind::Polynomial: return k > total ? last_factor : (1.0 - last_factor) * (1.0 - p) + last_factor;
  }
  return 1.0;
}

}  // namespace newbie
