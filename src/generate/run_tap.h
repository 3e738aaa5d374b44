// RunTap: looks at what the networks of an engine compute, while they do. For measurements; it changes no value.
#pragma once

#include <string>

#include "core/tensor.h"

namespace newbie {

class Graph;
class Program;
class WeightSource;
struct Bindings;

class RunTap {
 public:
  // What on_value sees: nothing, what the model names, or everything.
  enum class Values { None, Named, All };

  virtual ~RunTap() = default;

  // Asked for once a run. A tap that wants all has to be there when the engine is opened: values without names are
  // given some when their graph is compiled.
  virtual Values wants() const { return Values::None; }
  // A graph as it is going to run; `program` tells it from others. The references hold during the call alone.
  virtual void on_graph(const std::string& /*part*/, const Graph& /*graph*/, const Program& /*program*/,
                        const WeightSource& /*weights*/) {}
  // Before a program of `part` runs: its weights are loaded and its arena is allocated. What is seen next is of it.
  virtual void on_run(const std::string& /*part*/, const Program& /*program*/, const Bindings& /*bindings*/) {}
  // A value after the op that made it. Named values: after the run the outputs follow, by their names.
  virtual void on_value(const std::string& /*part*/, const std::string& /*path*/, ConstTensorView /*value*/) {}
};

}  // namespace newbie
