// A network's programs in wider numbers, run beside its own: how much of their weights is kept, and what that takes.
// The planner asks what the least would be, the guard what there is room for.
#pragma once

#include "generate/job_context.h"
#include "generate/memory_plan.h"
#include "generate/network.h"

namespace newbie {

// Which weights of the wide programs stream, and the stage with them: all of the planned one, its arena grown where
// that is too small, and the wide weights beside the others.
struct WideStage {
  StreamedWeights streamed;
  StagePlan plan;
};

// `network` has adopted the weights that stay, or has nothing; `stage` is as planned.
WideStage least_wide_stage(const Network& network, std::span<const Program* const> wide, const StagePlan& stage);
// The most that is kept within `limit` resident bytes; the least when nothing is.
WideStage widest_stage_within(const Network& network, std::span<const Program* const> wide, const StagePlan& stage,
                              size_t limit);

}  // namespace newbie
