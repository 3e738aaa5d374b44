// Program: a lowered graph. Its memory is known exactly before any allocation; running it allocates nothing.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "backend/weight_bank.h"
#include "core/stop_token.h"

namespace newbie {

struct MemoryReport {
  size_t arena_bytes = 0;     // intermediates and scratch, at their largest moment
  size_t scratch_bytes = 0;   // the largest kernel scratch (part of the arena)
  size_t constant_bytes = 0;  // tables known when the graph was built
};

// Sees every named value after the op that made it. Values that a fusion removed are not seen.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void on_value(const std::string& path, ConstTensorView value) = 0;
};

// What a step of a program does, for profiles.
struct StepInfo {
  std::string path;  // of its result; empty where the graph names none
  std::string op;
  std::string kernel;
  TensorSpec output;
  double flop = 0;  // floating_operations (graph/cost.h)
};

// Told of every step how long it took.
class StepClock {
 public:
  using Clock = std::chrono::steady_clock;
  virtual ~StepClock() = default;
  virtual void on_step(const StepInfo& step, Clock::time_point start, Clock::time_point end) = 0;
};

// Where a run finds its inputs and leaves its outputs, by name. Outputs are F32 and copied out at the end.
struct Bindings {
  std::map<std::string, ConstTensorView> inputs;
  std::map<std::string, TensorView> outputs;
};

// For tests: may change a named value after the op that made it, before anybody reads it.
using ValueFault = std::function<void(const std::string& path, TensorView value)>;

struct ExecutionContext {
  ThreadPool& threads;
  std::byte* arena = nullptr;  // Program::memory().arena_bytes, aligned to 64
  StopToken stop;              // checked between ops
  StepClock* clock = nullptr;  // if not null, told of every step
  const ValueFault* value_fault = nullptr;
  std::byte* window = nullptr;  // Program::window_bytes(bank), aligned to 64: where streamed weights are prepared
};

class Program {
 public:
  // Plans memory and makes kernels; reads no weight. `threads` is the pool size the program will run with.
  // Error{Unsupported} names the op and path for which `backend` has no kernel.
  Program(const Graph& graph, const Backend& backend, int threads);
  ~Program();
  Program(Program&&) noexcept;
  Program& operator=(Program&&) noexcept;

  const MemoryReport& memory() const;
  const std::vector<WeightUse>& weights() const;  // every weight operand, for WeightBank::prepare
  // Room for the weights of any one step that `bank` streams.
  size_t window_bytes(const WeightBank& bank) const;
  // The largest part of files that any one step has mapped while its streamed weights are prepared, or lie packed, and
  // the bytes that one run reads for them.
  struct Streaming {
    size_t mapped_bytes = 0, read_bytes = 0;
  };
  Streaming streaming(const WeightBank& bank) const;
  size_t steps() const;
  double flop() const;  // of all steps

  // Error{InvalidRequest} when a binding is missing or has another shape or dtype; Error{Cancelled} when stopped.
  // `bank` must have prepared weights(), or stream them.
  void run(ExecutionContext& context, const WeightBank& bank, const Bindings& bindings,
           Observer* observer = nullptr) const;

  // Bytes of arena touched by the steps: equals memory().arena_bytes (a law held by a property test).
  size_t used_arena_bytes() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace newbie
