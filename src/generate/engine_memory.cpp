#include "generate/engine_memory.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "core/error.h"
#include "core/machine.h"

namespace newbie {

namespace {

size_t bytes_of(const std::shared_ptr<const LoadedWeights>& weights) { return weights ? weights->host_bytes() : 0; }

}  // namespace

size_t KeptWeights::bytes() const {
  size_t out = 0;
  for (const auto& one : weights) out += bytes_of(one);
  return out;
}

EngineMemory::Reservation& EngineMemory::Reservation::operator=(Reservation&& other) noexcept {
  end(true);
  memory_ = std::exchange(other.memory_, nullptr);
  id_ = other.id_;
  adopted_ = std::move(other.adopted_);
  return *this;
}

void EngineMemory::Reservation::publish(NetworkKind network, std::shared_ptr<const LoadedWeights> weights) {
  if (weights) memory_->publish(id_, network, std::move(weights));
}

bool EngineMemory::Reservation::alone() const {
  const std::lock_guard lock(memory_->mutex_);
  return memory_->active_.size() == 1;
}

void EngineMemory::Reservation::end(bool keep) noexcept {
  if (EngineMemory* memory = std::exchange(memory_, nullptr)) {
    adopted_ = {};
    memory->end(id_, keep);
  }
}

KeptWeights EngineMemory::kept() const {
  const std::lock_guard lock(mutex_);
  KeptWeights out{.weights = {}, .generation = generation_};
  for (const NetworkRow& row : kNetworks) out.weights[row.network] = slots_[row.network].weights;
  return out;
}

// Of all that is reserved; with `need`, as it would be with that, too.
size_t EngineMemory::total_bytes(const Need* need) const {
  size_t out = 0;
  for (const Active& job : active_) out += job.bytes;
  for (const Slot& slot : slots_) {
    const bool adopted = need != nullptr && !need->fresh;  // is part of `need`
    const bool freed = need != nullptr && need->fresh && slot.users.empty();
    if (adopted) {
      if (slot.loaded_by != 0) out -= bytes_of(slot.weights);  // its job counts it, too
    } else if (slot.loaded_by == 0 && !freed) {
      out += bytes_of(slot.weights);
    }
  }
  return out + (need != nullptr ? need->bytes : 0);
}

std::optional<EngineMemory::Reservation> EngineMemory::reserve(const Need& need, StopToken stop) {
  using namespace std::chrono_literals;
  std::unique_lock lock(mutex_);
  const uint64_t id = next_id_++;
  queue_.push_back(id);
  struct Leave {
    std::list<uint64_t>& queue;
    uint64_t id;
    std::condition_variable& changed;
    ~Leave() {
      queue.remove(id);
      changed.notify_all();
    }
  } leave{queue_, id, changed_};
  while (true) {
    stop.throw_if_stopped();
    if (generation_ != need.generation) return std::nullopt;
    // Alone, a job may take what its plan was held against: what the process takes by itself differs by a little.
    const bool fits = active_.empty() || need.process_bytes + total_bytes(&need) <= need.budget_bytes;
    if (fits && (queue_.front() == id || need.when_full == WhenFull::Refuse)) break;
    if (need.when_full == WhenFull::Refuse)
      fail_with_hint(ErrorKind::OverBudget, "try again when they are done, or wait for them",
                     "this request needs {:.0f} MiB beside those that are being drawn, the budget is {:.0f} MiB",
                     std::ceil(static_cast<double>(need.process_bytes + total_bytes(&need)) / (1 << 20)),
                     std::floor(static_cast<double>(need.budget_bytes) / (1 << 20)));
    changed_.wait_for(lock, 50ms);  // a signal handler that stops a job can wake nobody
  }
  Reservation out;
  out.memory_ = this;
  out.id_ = id;
  grant(need, out);
  return out;
}

void EngineMemory::grant(const Need& need, Reservation& out) {
  size_t adopted = 0;
  for (const NetworkRow& row : kNetworks) {
    Slot& slot = slots_[row.network];
    if (!slot.weights) continue;
    if (!need.fresh) {
      slot.users.push_back(out.id_);
      out.adopted_.weights[row.network] = slot.weights;
      adopted += bytes_of(slot.weights);
    } else if (slot.users.empty()) {
      slot.weights.reset();
      ++generation_;
    }
  }
  out.adopted_.generation = generation_;
  active_.push_back({out.id_, need.bytes - std::min(need.bytes, adopted)});
}

void EngineMemory::publish(uint64_t id, NetworkKind network, std::shared_ptr<const LoadedWeights> weights) {
  const std::lock_guard lock(mutex_);
  Slot& slot = slots_[network];
  if (!slot.users.empty()) return;  // others go on with those they have
  slot = {std::move(weights), {id}, id};
  ++generation_;
  changed_.notify_all();
}

void EngineMemory::end(uint64_t id, bool keep) noexcept {
  const std::lock_guard lock(mutex_);
  std::erase_if(active_, [&](const Active& job) { return job.id == id; });
  for (Slot& slot : slots_) {
    const bool used = std::erase(slot.users, id) != 0;
    if (slot.loaded_by == id) slot.loaded_by = 0;
    if (!used || keep || !slot.users.empty()) continue;
    slot.weights.reset();
    ++generation_;
  }
  changed_.notify_all();
}

size_t EngineMemory::process_bytes(const Allocator& allocator) const {
  // What running adds: primitives that pack weights, compressors, pages of libraries (docs/memory.md).
  constexpr size_t kRunBytes = size_t{3} << 20;
  {
    // While jobs draw, what is resident just now tells little.
    const std::lock_guard lock(mutex_);
    if (run_process_bytes_ && !active_.empty()) return *run_process_bytes_;
  }
  // Building programs leaves megabytes of freed heap behind, which the run will use again.
  release_free_heap();
  const size_t resident = resident_bytes();
  const size_t own = resident - std::min(resident, allocator.in_use_bytes());
  const std::lock_guard lock(mutex_);
  return run_process_bytes_ ? std::max(own, *run_process_bytes_) : own + kRunBytes;
}

void EngineMemory::note_process_bytes(size_t planned) {
  const std::lock_guard lock(mutex_);
  if (!run_process_bytes_) run_process_bytes_ = planned;
}

size_t EngineMemory::reserved_bytes() const {
  const std::lock_guard lock(mutex_);
  return total_bytes(nullptr);
}

size_t EngineMemory::waiting() const {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

bool EngineMemory::idle() const {
  const std::lock_guard lock(mutex_);
  return active_.empty();
}

}  // namespace newbie
