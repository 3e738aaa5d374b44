// How sure an estimate is. Below these numbers of pictures no interval is made, by anybody who asks for one.
#pragma once

#include <cstddef>
#include <optional>

#include "evaluate/resample.h"

namespace newbie {

inline constexpr size_t kFewestForMean = 10, kFewestForDistance = 20;

struct Sureness {
  double standard_error = 0;
  std::optional<Interval> interval;  // 95 %
  std::optional<double> p_value;     // of "no difference", where there is a test of its own
  std::optional<double> detectable;  // a true difference that is found in 80 of 100 studies of this size
};

}  // namespace newbie
