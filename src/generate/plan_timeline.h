// From a timeline to a memory plan: its acts added up, nothing allocated.
#pragma once

#include "generate/engine_memory.h"
#include "generate/job_context.h"
#include "generate/memory_plan.h"
#include "generate/run_variant.h"
#include "generate/timeline.h"

namespace newbie {

// A variant of a job with all that follows from it.
struct PlannedRun {
  RunVariant variant;
  Timeline timeline;
  MemoryPlan plan;
};

// Whether the least that retries take is planned, too.
enum class Retries { Left, Planned };

// `kept`: what earlier jobs have left loaded, which the run adopts unless the variant is a fresh one.
PlannedRun plan_run(const JobContext& job, const Networks& networks, const KeptWeights& kept, RunVariant variant,
                    Retries retries);

}  // namespace newbie
