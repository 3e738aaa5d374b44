// A weight times a power of two, under a name of its own: compile/rescale asks for it, weights/WeightStore gives it.
#pragma once

#include <string>
#include <string_view>

namespace newbie {

struct ScaledWeight {
  std::string_view name;  // of the weight as it is stored
  int log2 = 0;
};

// "layers.0.feed_forward.w2.weight" and -4: "layers.0.feed_forward.w2.weight*2^-4"; with 0 the name itself.
std::string scaled_weight_name(std::string_view name, int log2);

// Back; a name that is no such name is its own, with log2 0.
ScaledWeight parse_scaled_weight(std::string_view name);

}  // namespace newbie
