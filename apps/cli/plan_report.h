// A memory plan as a table for a person; for a program it is plan_json().
#pragma once

#include <string>

#include "generate/memory_plan.h"
#include "generate/plan_json.h"

namespace newbie {

std::string plan_table(const MemoryPlan& plan);

}  // namespace newbie
