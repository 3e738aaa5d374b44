// Ctrl-C and SIGTERM as a StopToken.
#pragma once

#include "core/stop_token.h"

namespace newbie {

// From now on the first SIGINT or SIGTERM asks the returned token to stop; a second one ends the process as usual.
// Signals that the caller had ignored (nohup, background jobs) stay ignored.
StopToken stop_on_signals();

}  // namespace newbie
