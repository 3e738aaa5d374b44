// Ctrl-C, SIGTERM and a closed terminal as a StopToken.
#pragma once

#include "core/stop_token.h"

namespace newbie {

// From now on the first SIGINT, SIGTERM or SIGHUP asks the returned token to stop; a second one ends the process as
// usual. Signals that the caller had ignored (nohup, background jobs) stay ignored.
StopToken stop_on_signals();

// The signal that asked to stop; 0: none has.
int stop_signal();

}  // namespace newbie
