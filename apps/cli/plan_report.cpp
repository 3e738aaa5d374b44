#include "plan_report.h"

#include <fmt/format.h>

#include "units.h"

namespace newbie {

std::string plan_table(const MemoryPlan& plan) {
  constexpr const char* kRow = "{:<10}{:>12}{:>12}{:>12}{:>14}{:>12}{:>15}{:>12}\n";
  std::string out =
      fmt::format(kRow, "stage", "weights", "window", "arena", "(scratch)", "buffers", "while loading", "peak");
  for (const StagePlan& s : plan.stages)
    out += fmt::format(kRow, s.name(), format_bytes(s.weights_bytes), format_bytes(s.window_bytes),
                       format_bytes(s.arena_bytes), '(' + format_bytes(s.scratch_bytes) + ')',
                       format_bytes(s.buffer_bytes), format_bytes(s.loading_peak_bytes), format_bytes(s.peak_bytes()));
  if (!plan.device.empty()) {
    constexpr const char* kDeviceRow = "{:<10}{:>12}{:>12}{:>12}{:>15}{:>12}\n";
    out += fmt::format("\non {}\n", plan.device);
    out += fmt::format(kDeviceRow, "stage", "weights", "window", "arena", "while loading", "peak");
    for (const StagePlan& s : plan.stages)
      out += fmt::format(kDeviceRow, s.name(), format_bytes(s.device.weights_bytes),
                         format_bytes(s.device.window_bytes), format_bytes(s.device.arena_bytes),
                         format_bytes(s.device.loading_peak_bytes), format_bytes(s.device.peak_bytes()));
    out += fmt::format("{:<28}{:>12}\n{:<28}{:>12}\n", "largest stage of the device",
                       format_bytes(plan.device_peak_bytes()), "its budget", format_bytes(plan.device_budget_bytes));
  }
  const StagePlan& largest = plan.largest_stage();
  out += fmt::format("\n{:<28}{:>12}\n", "largest stage", format_bytes(largest.peak_bytes()));
  if (largest.page_bytes != 0)
    out += fmt::format("{:<28}{:>12}\n", "weights where they lie", format_bytes(largest.page_bytes));
  out += fmt::format("{:<28}{:>12}\n", "files being read in it",
                     format_bytes(largest.resident_peak_bytes() - largest.peak_bytes() - largest.page_bytes));
  out += fmt::format("{:<28}{:>12}\n", "program and libraries", format_bytes(plan.process_bytes));
  out += fmt::format("{:<28}{:>12}\n", "rows of mapped tables", format_bytes(plan.mapped_bytes));
  if (plan.picture_bytes != 0)
    out += fmt::format("{:<28}{:>12}\n", "picture to start from", format_bytes(plan.picture_bytes));
  out += fmt::format("{:<28}{:>12}\n", "peak", format_bytes(plan.peak_bytes()));
  out += fmt::format("{:<28}{}\n", "residency", to_string(plan.residency));
  for (const MemoryChoice& c : plan.choices) out += fmt::format("{:<28}{}: {}\n", "for the budget", c.what, c.why);
  for (const StreamedPart& s : plan.streamed)
    out += fmt::format("{:<28}{}: {} of {} kept, {} read anew in each of {} runs{}\n", "streamed", s.part,
                       format_bytes(s.resident_bytes), format_bytes(s.weights_bytes), format_bytes(s.read_bytes),
                       s.runs, s.seconds > 0 ? fmt::format(", {:.2g} s each time", s.seconds) : "");
  return out;
}

}  // namespace newbie
