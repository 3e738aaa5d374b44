// What of a device decides which kernels it gets.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <string>

namespace newbie::vulkan {

// The shape m x n x k of the products that a subgroup's matrix unit makes (cooperative matrices).
struct MatrixShape {
  uint32_t m = 0, n = 0, k = 0;
};
struct MatrixUnits {
  std::optional<MatrixShape> f16;   // with sums in f32
  std::optional<MatrixShape> int8;  // with sums in 32 bits
  uint32_t subgroup = 0;            // invocations that make them together

  bool any() const { return f16 || int8; }
  std::string words() const {  // "f16 16x16x16, int8 16x16x32"; empty: none
    std::string out;
    for (const auto& [name, shape] : {std::pair{"f16", f16}, {"int8", int8}})
      if (shape) out += fmt::format("{}{} {}x{}x{}", out.empty() ? "" : ", ", name, shape->m, shape->n, shape->k);
    return out;
  }
};

struct Traits {
  bool tiled = true;  // kernels for GPUs; else those for drivers that run on a CPU, where there are both
  // How often an invocation may go round its loops, all together: Mesa's drivers for the CPU leave them then, without a
  // word, and what was computed is wrong. 0: without end.
  int64_t most_turns = 0;
  MatrixUnits units = {};  // that are used

  std::string words() const {
    return std::string(tiled ? "tiled kernels" : "direct kernels") +
           (units.any() ? ", matrix units " + units.words() : std::string());
  }
};

}  // namespace newbie::vulkan
