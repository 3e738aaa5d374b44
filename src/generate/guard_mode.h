// What the guard may do, and what it tells.
#pragma once

#include <span>
#include <string>

#include "core/named.h"

namespace newbie {

enum class GuardMode {
  Off,     // looks at nothing
  Warn,    // tells, and changes no value
  Retry,   // runs again with the bad block in f32, then with the whole part; an error when that does not help
  Strict,  // an error at the first bad value
};

std::span<const Named<GuardMode>> guard_modes();  // "off", "warn", …

struct GuardEvent {
  std::string where;    // "transformer.layers.7", "latent", "picture"
  std::string problem;  // in words
  std::string action;   // what was done about it
  int picture = 0;      // which of the batch
  int evaluation = 0;   // of the denoiser, from 1; 0 elsewhere
};

}  // namespace newbie
