// SwarmUI's tags in prompts: <segment:face> and its like begin prompts of their own, <random:a,b> is replaced by words.
#pragma once

#include "generate/recall/said.h"

namespace newbie {

// Of both prompts. What a part of the picture was drawn with leaves the prompt; every other tag is told.
void read_swarm_tags(Said& said);

}  // namespace newbie
