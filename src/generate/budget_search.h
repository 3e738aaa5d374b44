// The budget search: the fastest way to draw a request that a budget has room for.
#pragma once

#include "generate/plan_timeline.h"

namespace newbie {

// Over the budget, what makes the largest stage large is changed at the least cost, again and again (docs/memory.md).
// Error{OverBudget} names the smallest budget that would do; Error{Cancelled} before the next attempt once `stop` is
// set.
PlannedRun fit(const JobContext& job, Networks& networks, const KeptWeights& kept, size_t budget, StopToken stop);

// Of a request that needs `bytes`; `needs` goes before the number: "more than ".
[[noreturn]] void refuse(const char* needs, size_t bytes, size_t budget);

}  // namespace newbie
