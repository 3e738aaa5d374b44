#include "plan_report.h"

#include <fmt/format.h>

#include "units.h"

namespace newbie {

std::string plan_table(const MemoryPlan& plan) {
  constexpr const char* kRow = "{:<10}{:>12}{:>12}{:>14}{:>12}{:>15}{:>12}\n";
  std::string out = fmt::format(kRow, "stage", "weights", "arena", "(scratch)", "buffers", "while loading", "peak");
  for (const StagePlan& s : plan.stages)
    out += fmt::format(kRow, s.name, format_bytes(s.weights_bytes), format_bytes(s.arena_bytes),
                       '(' + format_bytes(s.scratch_bytes) + ')', format_bytes(s.buffer_bytes),
                       format_bytes(s.loading_peak_bytes), format_bytes(s.peak_bytes()));
  out += fmt::format("\n{:<28}{:>12}\n", "largest stage", format_bytes(plan.allocated_peak_bytes()));
  out += fmt::format("{:<28}{:>12}\n", "program and libraries", format_bytes(plan.process_bytes));
  out += fmt::format("{:<28}{:>12}\n", "rows of mapped tables", format_bytes(plan.mapped_bytes));
  out += fmt::format("{:<28}{:>12}\n", "peak", format_bytes(plan.peak_bytes()));
  out += fmt::format("{:<28}{}\n", "residency", to_string(plan.residency));
  return out;
}

OrderedJson plan_json(const MemoryPlan& plan) {
  OrderedJson stages = OrderedJson::array();
  for (const StagePlan& s : plan.stages)
    stages.push_back({{"name", s.name},
                      {"weights_bytes", s.weights_bytes},
                      {"arena_bytes", s.arena_bytes},
                      {"scratch_bytes", s.scratch_bytes},
                      {"buffer_bytes", s.buffer_bytes},
                      {"loading_peak_bytes", s.loading_peak_bytes},
                      {"peak_bytes", s.peak_bytes()}});
  return {{"residency", to_string(plan.residency)},
          {"stages", stages},
          {"allocated_peak_bytes", plan.allocated_peak_bytes()},
          {"process_bytes", plan.process_bytes},
          {"mapped_bytes", plan.mapped_bytes},
          {"peak_bytes", plan.peak_bytes()}};
}

}  // namespace newbie
