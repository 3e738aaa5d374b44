// The name that RunObserver had.
#pragma once

#include "generate/run_observer.h"

namespace newbie {

using Progress = RunObserver;

}  // namespace newbie
