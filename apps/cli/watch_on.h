// Long evaluations on the terminal.
#pragma once

#include <string>

#include "evaluate/resample.h"
#include "terminal.h"

namespace newbie {

// Counts items under `stage`, with the time left. The terminal must outlive it.
Watch watch_on(Terminal& terminal, StopToken stop, const std::string& stage);

}  // namespace newbie
