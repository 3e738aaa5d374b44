// RunTap: looks at what the networks of an engine compute, while they do. For measurements; it changes no value.
#pragma once

#include <string>
#include <string_view>

#include "core/tensor.h"

namespace newbie {

class Program;

class RunTap {
 public:
  virtual ~RunTap() = default;

  // Before a program of `part` runs: its weights are loaded and its arena is allocated.
  virtual void on_run(std::string_view /*part*/, const Program& /*program*/) {}
  // Every named value after the op that made it, and after the run every output by its name. Asked for once a run.
  virtual bool wants_values() { return false; }
  virtual void on_value(std::string_view /*part*/, const std::string& /*path*/, ConstTensorView /*value*/) {}
};

}  // namespace newbie
