// What executors share: the addresses of one run, checked against its graph, and the weights that it streams.
#pragma once

#include <vector>

#include "backend/lowered_graph.h"

namespace newbie {

class BoundRun {
 public:
  // Error{InvalidRequest} when a binding is missing or has another shape or dtype, or lies in a space that is not this
  // run's; Error{Internal} when a weight is neither prepared nor streamed. All must outlive it.
  BoundRun(const LoweredGraph& graph, const ExecutionContext& context, const WeightBank& bank,
           const Bindings& bindings);

  // The space of the arena, where it is not the host's memory; else null.
  MemorySpace* device() const { return device_; }

  // Not of a streamed weight.
  const std::byte* address(const LoweredGraph::Location& at) const;
  std::byte* block_address(size_t block) const { return context_.arena + graph_.blocks[block].offset; }
  std::byte* arena_address(const LoweredGraph::Location& at) const { return block_address(at.index) + at.offset; }
  bool is_streamed(const LoweredGraph::Location& at) const {
    return at.place == LoweredGraph::Place::Weight && weights_[at.index] == nullptr;
  }

  // Before the first step: constants that have a block, and on a device what the host has of inputs.
  void fill_arena() const;
  // At the end: outputs that are bound, to where they are.
  void give_outputs() const;

 private:
  void fill(const Constant& values, std::byte* to) const;

  const LoweredGraph& graph_;
  const ExecutionContext& context_;
  const Bindings& bindings_;
  MemorySpace* device_;
  std::vector<const std::byte*> inputs_, weights_;  // a streamed weight: null
  std::vector<size_t> uploads_;                     // inputs that lie in the host's memory, for a device
};

// The streamed weights of a run, step by step, in the order they are read.
class StreamedOperands {
 public:
  StreamedOperands(const LoweredGraph& graph, const BoundRun& bound, const WeightBank& bank,
                   const ExecutionContext& context);

  void begin_step() { in_window_ = 0; }
  const std::byte* next();  // prepared in the window; the one after it is fetched meanwhile
  void end_step();          // what was prepared is read

 private:
  const WeightBank& bank_;
  const ExecutionContext& context_;
  std::vector<const WeightUse*> uses_;
  size_t prepared_ = 0, released_ = 0, in_window_ = 0;
};

}  // namespace newbie
