// The measured rates of this machine, kept between runs.
#pragma once

#include <optional>
#include <vector>

#include "compile/measure_rates.h"

namespace newbie {

struct MachineRates {
  std::vector<DTypeRate> rates;
  std::string origin;  // "measured now", or the file they were read from
};

// From newbie/rates.json in $XDG_CACHE_HOME, or .cache of $HOME, when it was written for this CPU, number of threads
// and library; else measured and, where there is such a folder, written. A file that cannot be read or written does no
// harm.
MachineRates machine_rates(const Backend& backend, int threads, bool measure_again);

}  // namespace newbie
