// A run: the acts of a timeline, done.
#pragma once

#include "generate/engine_memory.h"
#include "generate/plan_timeline.h"
#include "generate/result.h"
#include "generate/stage_run.h"

namespace newbie {

// Draws. What was planned is allocated, and nothing else. Errors as Job::run.
GenerateResult run_timeline(const JobContext& job, const PlannedRun& planned, Networks& networks,
                            EngineMemory::Reservation& reservation, RunObserver& observer, StopToken stop,
                            const std::function<void(GeneratedImage)>& on_image);

}  // namespace newbie
