#include "generate/result_json.h"

#include "core/machine.h"
#include "generate/metadata.h"
#include "generate/plan_json.h"

namespace newbie {

OrderedJson result_json(const TextToImage& engine, const GenerateResult& result) {
  OrderedJson out, seconds = OrderedJson::object();
  for (const StageTime& time : result.times) seconds[time.name] = time.seconds;
  out["seconds"] = seconds;
  out["evaluations"] = result.evaluations;
  out["shortened_evaluations"] = result.shortened_evaluations;
  if (!result.estimated_distances.empty()) out["estimated_distances"] = result.estimated_distances;
  out["precision"] = {{"name", engine.precision_name()}, {"reasons", engine.precision_reasons()}};
  out["guard"] = guard_json(result.guard_events);
  out["threads"] = engine.threads();
  out["memory"] = {{"planned_peak_bytes", result.plan.peak_bytes()},
                   {"measured_peak_bytes", peak_resident_bytes()},
                   {"planned_allocated_bytes", result.plan.allocated_peak_bytes()},
                   {"measured_allocated_bytes", result.allocated_peak_bytes}};
  if (!result.plan.device.empty())
    out["device"] = {{"name", result.plan.device},
                     {"planned_allocated_bytes", result.plan.device_peak_bytes()},
                     {"measured_allocated_bytes", result.device_peak_bytes}};
  out["plan"] = plan_json(result.plan);
  return out;
}

}  // namespace newbie
