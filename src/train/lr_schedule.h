// The learning rate over steps, as factors of the configured one: those of diffusers' get_scheduler.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace newbie {

enum class LrScheduleKind { Constant, ConstantWithWarmup, Linear, Cosine, CosineWithRestarts, Polynomial };

struct LrScheduleRow {
  LrScheduleKind kind;
  std::string_view name;  // "cosine_with_restarts"
};
std::span<const LrScheduleRow> lr_schedules();
std::optional<LrScheduleKind> find_lr_schedule(std::string_view name);

struct LrSchedule {
  LrScheduleKind kind = LrScheduleKind::Constant;
  int64_t warmup = 0;  // steps in which the factor rises from 0; Constant has none
  int64_t total = 1;
  int64_t cycles = 1;        // of CosineWithRestarts
  double last_factor = 0.0;  // of Polynomial, whose power is 1: 1e-7 / lr
  bool operator==(const LrSchedule&) const = default;

  // Of step k, from 0 on; steps count when they were taken. With a warmup the first factor is 0.
  double factor(int64_t k) const;
};

}  // namespace newbie
