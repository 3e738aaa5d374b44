// Runs a graph on a backend with made-up or given tensors, and brings back results and what was seen on the way.
#pragma once

#include "compile/compile.h"
#include "support/tensors.h"

namespace newbie::test {

struct RunResult {
  Tensors outputs;  // by output name
  Tensors paths;    // every value with a path, when `observe` was asked for
  MemoryReport memory;
  size_t used_arena_bytes = 0;
  size_t steps = 0;

  // Error{Internal} naming what is missing.
  const std::vector<float>& output(const std::string& name) const;
  const std::vector<float>& path(const std::string& name) const;
};

struct RunOptions {
  int threads = 2;
  bool observe = false;
};

// Runs `graph` as it stands: its dtypes are decided. Inputs are rounded to the dtypes the graph wants. The arena starts
// full of NaN bytes and lies between two guards: Error{Internal} when a kernel wrote over one.
RunResult run_graph(const Graph& graph, const Backend& backend, const WeightSource& weights, const Tensors& inputs,
                    const RunOptions& options = {});

// Takes a model's graph through all passes first. `options.threads` is the number of threads.
RunResult execute(const Graph& graph, const Backend& backend, const CompileOptions& options,
                  const WeightSource& weights, const Tensors& inputs, bool observe = false);

}  // namespace newbie::test
