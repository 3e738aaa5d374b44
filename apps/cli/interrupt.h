// Ctrl-C, SIGTERM, a closed terminal, and the warnings of schedulers and limits as a StopToken.
#pragma once

#include "core/stop_token.h"

namespace newbie {

// From now on the first of these asks the returned token to stop, and a second of its kind ends the process as usual:
// SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGALRM, SIGUSR1 and SIGUSR2 (Slurm's --signal). SIGXCPU (ulimit -St), which comes
// again with every second of work, only ever asks: what ends the process is the hard limit. Signals that the caller had
// ignored (nohup, background jobs) stay ignored.
StopToken stop_on_signals();

// The signal that asked to stop; 0: none has.
int stop_signal();

}  // namespace newbie
