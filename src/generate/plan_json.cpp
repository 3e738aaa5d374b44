#include "generate/plan_json.h"

namespace newbie {

OrderedJson plan_json(const MemoryPlan& plan) {
  OrderedJson stages = OrderedJson::array();
  for (const StagePlan& s : plan.stages) {
    stages.push_back({{"name", s.name()},
                      {"weights_bytes", s.weights_bytes},
                      {"page_bytes", s.page_bytes},
                      {"window_bytes", s.window_bytes},
                      {"arena_bytes", s.arena_bytes},
                      {"scratch_bytes", s.scratch_bytes},
                      {"buffer_bytes", s.buffer_bytes},
                      {"loading_peak_bytes", s.loading_peak_bytes},
                      {"running_file_bytes", s.running_file_bytes},
                      {"loading_file_bytes", s.loading_file_bytes},
                      {"peak_bytes", s.peak_bytes()}});
    if (plan.device.empty()) continue;
    stages.back()["device"] = {{"weights_bytes", s.device.weights_bytes},
                               {"window_bytes", s.device.window_bytes},
                               {"arena_bytes", s.device.arena_bytes},
                               {"loading_peak_bytes", s.device.loading_peak_bytes},
                               {"peak_bytes", s.device.peak_bytes()}};
  }
  OrderedJson choices = OrderedJson::array(), streamed = OrderedJson::array();
  for (const MemoryChoice& c : plan.choices) choices.push_back({{"what", c.what}, {"why", c.why}});
  for (const StreamedPart& s : plan.streamed)
    streamed.push_back({{"part", s.part},
                        {"weights_bytes", s.weights_bytes},
                        {"resident_bytes", s.resident_bytes},
                        {"read_bytes", s.read_bytes},
                        {"runs", s.runs},
                        {"seconds", s.seconds}});
  OrderedJson out = {{"residency", to_string(plan.residency)},
                     {"choices", choices},
                     {"streamed", streamed},
                     {"stages", stages},
                     {"allocated_peak_bytes", plan.allocated_peak_bytes()},
                     {"process_bytes", plan.process_bytes},
                     {"mapped_bytes", plan.mapped_bytes},
                     {"picture_bytes", plan.picture_bytes},
                     {"peak_bytes", plan.peak_bytes()}};
  if (!plan.device.empty())
    out["device"] = {{"name", plan.device},
                     {"budget_bytes", plan.device_budget_bytes},
                     {"allocated_peak_bytes", plan.device_peak_bytes()}};
  return out;
}

}  // namespace newbie
