// What of a device decides which kernels it gets.
#pragma once

#include <cstdint>
#include <string_view>

namespace newbie::vulkan {

struct Traits {
  bool tiled = true;  // kernels for GPUs; else those for drivers that run on a CPU, where there are both
  // How often an invocation may go round its loops, all together: Mesa's drivers for the CPU leave them then, without a
  // word, and what was computed is wrong. 0: without end.
  int64_t most_turns = 0;

  std::string_view words() const { return tiled ? "tiled kernels" : "direct kernels"; }
};

}  // namespace newbie::vulkan
