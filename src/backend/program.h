// Program: a lowered graph and the executor that runs it. Its memory is known exactly before any allocation; running it
// allocates nothing.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "backend/execution.h"
#include "backend/lowered_graph.h"
#include "backend/weight_bank.h"

namespace newbie {

class Program {
 public:
  // As lower().
  Program(const Graph& graph, const Backend& backend, int threads);
  ~Program();
  Program(Program&&) noexcept;
  Program& operator=(Program&&) noexcept;

  const LoweredGraph& lowered() const { return *graph_; }
  const MemoryReport& memory() const { return graph_->memory; }
  const std::vector<WeightUse>& weights() const { return graph_->weights; }  // every operand, for WeightBank::prepare
  // Room for the weights that `bank` streams into one step: where the arena lies; on the host beside it, with
  // HostSteps.
  size_t window_bytes(const WeightBank& bank) const;
  size_t staging_bytes(const WeightBank& bank) const;
  // The largest part of files that any one step has mapped while its streamed weights are prepared, or lie packed, and
  // the bytes that one run reads for them.
  struct Streaming {
    size_t mapped_bytes = 0, read_bytes = 0;
  };
  Streaming streaming(const WeightBank& bank) const;
  size_t steps() const { return graph_->steps.size(); }
  double flop() const;  // of all steps

  // Error{InvalidRequest} when a binding is missing or has another shape or dtype; Error{Cancelled} when stopped.
  // `bank` must have prepared weights(), or stream them. Many threads may run it at once, each with a context of its
  // own.
  void run(ExecutionContext& context, const WeightBank& bank, const Bindings& bindings,
           Observer* observer = nullptr) const;

  // Bytes of arena touched by the steps: equals memory().arena_bytes (a law held by a property test).
  size_t used_arena_bytes() const;

 private:
  std::unique_ptr<const LoweredGraph> graph_;  // stays where it is when the program is moved: its memory() names it
  std::unique_ptr<const Executor> executor_;
};

}  // namespace newbie
