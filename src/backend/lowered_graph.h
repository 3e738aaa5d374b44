// LoweredGraph: a graph as an executor runs it. Steps in order, where each value lies, which weights are read: a value,
// made by lower() and not changed any more.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "backend/backend.h"
#include "backend/execution.h"
#include "backend/memory_planner.h"
#include "backend/weight_bank.h"

namespace newbie {

struct MemoryReport {
  size_t arena_bytes = 0;     // intermediates, scratch and tables, at their largest moment; on a device inputs, too
  size_t scratch_bytes = 0;   // the largest kernel scratch (part of the arena)
  size_t constant_bytes = 0;  // numbers that lie with the graph
};

struct LoweredGraph {
  enum class Place { Arena, Input, Weight, Constant };

  // Where a value's bytes are: `index` counts blocks, inputs, weights or constants.
  struct Location {
    Place place = Place::Arena;
    size_t index = 0;
    size_t offset = 0;  // bytes into that place (views)
  };
  struct Operand {
    Location at;
    TensorSpec spec;
  };
  struct Step {
    std::shared_ptr<const Kernel> kernel;
    std::vector<Operand> inputs;
    Operand output;
    std::optional<size_t> scratch_block;
    std::vector<std::string> paths;
    StepInfo info;
    // Views of this step's result that have names of their own.
    std::vector<std::pair<std::string, Operand>> named_views;
  };
  // Inputs and constants are read where the host has them. Else they have a block, which a run fills first: on a device
  // all of them, on the host what is made by a rule.
  struct Input {
    std::string name;
    TensorSpec spec;
    std::optional<size_t> block;
  };
  struct Constant {
    std::shared_ptr<const newbie::Constant> values;
    std::optional<size_t> block;

    const std::byte* data() const { return reinterpret_cast<const std::byte*>(values->data()); }
  };
  struct Output {
    std::string name;
    Operand value;
  };

  std::vector<Step> steps;
  std::vector<ArenaBlock> blocks;
  std::vector<Input> inputs;
  std::vector<Output> outputs;
  std::vector<WeightUse> weights;
  std::vector<Constant> constants;
  MemoryReport memory;
};

// Plans memory and makes kernels; reads no weight. `threads` is the pool size the graph will run with.
// Error{Unsupported} names the op and path for which `backend` has no kernel.
LoweredGraph lower(const Graph& graph, const Backend& backend, int threads);

}  // namespace newbie
