// What a run of a program is given: where its inputs come from and its outputs go, where it works, who watches.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>

#include "core/memory_space.h"
#include "core/parallel.h"
#include "core/stop_token.h"
#include "core/tensor.h"

namespace newbie {

// Sees every named value after the op that made it, in the host's memory. Values that a fusion removed are not seen.
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

// A tensor in the host's memory, or, where `space` is given, in that: the space of the program's arena.
struct BoundInput : ConstTensorView {
  BoundInput() = default;
  BoundInput(TensorSpec s, const std::byte* d, const MemorySpace* in = nullptr) : ConstTensorView(s, d), space(in) {}
  BoundInput(const ConstTensorView& v) : ConstTensorView(v) {}  // NOLINT: a tensor in the host's memory
  BoundInput(const TensorView& v) : ConstTensorView(v) {}       // NOLINT
  const MemorySpace* space = nullptr;
};
struct BoundOutput : TensorView {
  BoundOutput() = default;
  BoundOutput(TensorSpec s, std::byte* d, const MemorySpace* in = nullptr) : TensorView{s, d}, space(in) {}
  BoundOutput(const TensorView& v) : TensorView(v) {}  // NOLINT: a tensor in the host's memory
  const MemorySpace* space = nullptr;
};

// Where a run finds its inputs and leaves its outputs, by name. Outputs are F32 and copied out at the end. A tensor
// that one program made and another reads may stay on the device: both name the same bytes of its space.
struct Bindings {
  std::map<std::string, BoundInput> inputs;
  std::map<std::string, BoundOutput> outputs;
};

// For tests: may change a named value after the op that made it, before anybody reads it.
using ValueFault = std::function<void(const std::string& path, TensorView value)>;

struct ExecutionContext {
  ThreadPool& threads;
  std::byte* arena = nullptr;  // Program::memory().arena_bytes, aligned to 64
  StopToken stop;              // checked between ops
  StepClock* clock = nullptr;  // if not null, told of every step
  const ValueFault* value_fault = nullptr;
  std::byte* window = nullptr;    // Program::window_bytes(bank), aligned to 64: where streamed weights are prepared
  MemorySpace* memory = nullptr;  // where arena and window lie; null: the host's
  std::byte* staging = nullptr;   // Program::staging_bytes(bank) of the host's memory, aligned to 64
};

}  // namespace newbie
