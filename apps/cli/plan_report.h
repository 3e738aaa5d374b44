// A memory plan as a table for a person and as JSON for a program.
#pragma once

#include <string>

#include "core/json.h"
#include "generate/memory_plan.h"

namespace newbie {

std::string plan_table(const MemoryPlan& plan);
OrderedJson plan_json(const MemoryPlan& plan);

}  // namespace newbie
