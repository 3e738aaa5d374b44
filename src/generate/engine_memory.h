// EngineMemory: what jobs have reserved, and the weights that stay loaded between them. The budget holds for the sum.
//
// A job reserves what its plan says before it allocates a byte. Weights that an earlier job left are adopted: they are
// counted once, for the engine, as long as anybody uses them. What a job loads is counted as its own until it ends;
// weights that it leaves are the engine's from then on, and go when a job needs the room and nobody uses them.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>

#include "core/stop_token.h"
#include "generate/memory_plan.h"
#include "generate/network.h"
#include "generate/network_kind.h"

namespace newbie {

// What a job does whose memory is not free beside that of others.
enum class WhenFull {
  Wait,    // for its turn, first come, first served
  Refuse,  // Error{OverBudget}
};

// Weights that stay loaded, as a plan finds them.
struct KeptWeights {
  PerNetwork<std::shared_ptr<const LoadedWeights>> weights;
  uint64_t generation = 0;  // another one, another plan

  size_t bytes() const;
};

class EngineMemory {
 public:
  struct Need {
    size_t bytes = 0;  // at its largest moment, adopted weights included; the process's own not
    size_t process_bytes = 0;
    size_t budget_bytes = 0;
    bool fresh = false;       // adopts nothing, and what nobody uses is freed
    uint64_t generation = 0;  // of the kept weights it was planned with
    WhenFull when_full = WhenFull::Wait;
  };

  // Given back when it goes.
  class Reservation {
   public:
    Reservation() = default;
    Reservation(Reservation&& other) noexcept { *this = std::move(other); }
    Reservation& operator=(Reservation&& other) noexcept;
    ~Reservation() { end(true); }

    const KeptWeights& adopted() const { return adopted_; }
    // What this job has loaded whole and will not free: others may adopt it from now on.
    void publish(NetworkKind network, std::shared_ptr<const LoadedWeights> weights);
    bool alone() const;  // no other job runs
    // `keep`: what it published stays for later jobs.
    void end(bool keep) noexcept;

   private:
    friend class EngineMemory;
    EngineMemory* memory_ = nullptr;
    uint64_t id_ = 0;
    KeptWeights adopted_;
  };

  KeptWeights kept() const;

  // Nothing when what is kept has changed since `need` was planned: then it is to be planned again.
  std::optional<Reservation> reserve(const Need& need, StopToken stop);

  // What the process takes beside allocated bytes, with what running adds to it.
  size_t process_bytes(const Allocator& allocator) const;
  // Of the plan that a run goes by: later plans find what that run added already there.
  void note_process_bytes(size_t planned);

  size_t reserved_bytes() const;  // of all jobs that run, and of kept weights
  bool idle() const;              // no job runs

 private:
  struct Active {
    uint64_t id;
    size_t bytes;  // without what it adopted
  };
  struct Slot {
    std::shared_ptr<const LoadedWeights> weights;
    std::list<uint64_t> users;  // jobs that adopted or published it
    uint64_t loaded_by = 0;     // a job that still counts it as its own; 0: the engine does
  };
  size_t total_bytes(const Need* need) const;
  void grant(const Need& need, Reservation& out);
  void publish(uint64_t id, NetworkKind network, std::shared_ptr<const LoadedWeights> weights);
  void end(uint64_t id, bool keep) noexcept;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::list<uint64_t> queue_;  // who waits, in order
  std::list<Active> active_;
  PerNetwork<Slot> slots_;
  uint64_t next_id_ = 1, generation_ = 1;
  std::optional<size_t> run_process_bytes_;
};

}  // namespace newbie
