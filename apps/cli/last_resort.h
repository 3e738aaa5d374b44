// What ends the program where no handler of ours can stand.
#pragma once

namespace newbie {

// Objects of libraries that are made before main() may find no memory, and what they throw has nobody to catch it: the
// message and the exit code are then those of any other error, and no signal.
void end_without_signals();

}  // namespace newbie
