#include "generate/memory_plan.h"

namespace newbie {

std::string_view to_string(Residency residency) {
  switch (residency) {
    case Residency::FreeEncoders: return "encoders freed after use";
    case Residency::FreeEachStage: return "each part freed after use";
  }
  return "?";
}

std::string StagePlan::name() const { return std::string(to_string(stage)) + (retry ? " retry" : ""); }

const StagePlan& MemoryPlan::largest_stage() const {
  return *std::ranges::max_element(stages, {}, &StagePlan::resident_peak_bytes);
}

const StagePlan& MemoryPlan::largest_held() const {
  const StagePlan& planned = largest_stage();
  if (retries.empty()) return planned;
  const StagePlan& retry = *std::ranges::max_element(retries, {}, &StagePlan::resident_peak_bytes);
  return retry.resident_peak_bytes() > planned.resident_peak_bytes() ? retry : planned;
}

size_t MemoryPlan::device_peak_bytes() const {
  size_t peak = 0;
  for (const StagePlan& stage : stages) peak = std::max(peak, stage.device.peak_bytes());
  return peak;
}

size_t MemoryPlan::allocated_peak_bytes() const {
  size_t peak = 0;
  for (const StagePlan& stage : stages) peak = std::max(peak, stage.peak_bytes());
  return peak;
}

}  // namespace newbie
