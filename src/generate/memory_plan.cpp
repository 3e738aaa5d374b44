#include "generate/memory_plan.h"

namespace newbie {

std::string_view to_string(Residency residency) {
  switch (residency) {
    case Residency::FreeEncoders: return "encoders freed after use";
    case Residency::FreeEachStage: return "each part freed after use";
  }
  return "?";
}

const StagePlan& MemoryPlan::largest_stage() const {
  return *std::ranges::max_element(stages, {}, &StagePlan::resident_peak_bytes);
}

size_t MemoryPlan::allocated_peak_bytes() const {
  size_t peak = 0;
  for (const StagePlan& stage : stages) peak = std::max(peak, stage.peak_bytes());
  return peak;
}

}  // namespace newbie
