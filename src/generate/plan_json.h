// A memory plan for a program to read: what apps print and the C interface gives.
#pragma once

#include "core/json.h"
#include "generate/memory_plan.h"

namespace newbie {

OrderedJson plan_json(const MemoryPlan& plan);

}  // namespace newbie
