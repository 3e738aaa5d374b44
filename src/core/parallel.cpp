#include "core/parallel.h"

#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "core/error.h"

namespace newbie {

struct ThreadPool::State {
  std::mutex turn;  // held by the caller whose tasks the workers do
  std::mutex mutex;
  std::condition_variable wake, done;
  std::vector<std::thread> workers;
  const std::function<void(int64_t, int)>* task = nullptr;
  int64_t count = 0;
  std::atomic<int64_t> next{0};
  std::atomic<uint64_t> round{0};  // bumped under `mutex` for every run(); workers may peek without it
  std::atomic<int> busy{0};
  bool stop = false;
  std::exception_ptr error;

  // Ends and joins all workers.
  void finish() {
    {
      const std::lock_guard lock(mutex);
      stop = true;
    }
    wake.notify_all();
    for (std::thread& worker : workers) worker.join();
  }

  void work(int worker) {
    try {
      for (int64_t i = next.fetch_add(1); i < count; i = next.fetch_add(1)) (*task)(i, worker);
    } catch (...) {
      std::lock_guard lock(mutex);
      if (!error) error = std::current_exception();
      next = count;  // the others stop at their next index
    }
  }

  void loop(int worker) {
    uint64_t seen = 0;
    for (;;) {
      // A denoiser step is hundreds of short runs: spin a little before sleeping.
      for (int spin = 0; spin < 2000 && round.load(std::memory_order_acquire) == seen; ++spin) {
#if defined(__x86_64__)
        __builtin_ia32_pause();
#endif
      }
      {
        std::unique_lock lock(mutex);
        wake.wait(lock, [&] { return stop || round.load() != seen; });
        if (stop) return;
        seen = round.load();
      }
      work(worker);
      if (busy.fetch_sub(1) == 1) {
        std::lock_guard lock(mutex);
        done.notify_one();
      }
    }
  }
};

ThreadPool::ThreadPool(int threads) : state_(std::make_unique<State>()) {
  if (threads < 1 || threads > kMaxThreads)
    fail(ErrorKind::InvalidRequest, "thread count must be between 1 and {}, got {}", kMaxThreads, threads);
  state_->workers.reserve(static_cast<size_t>(threads) - 1);
  try {
    for (int i = 1; i < threads; ++i) state_->workers.emplace_back([state = state_.get(), i] { state->loop(i); });
  } catch (const std::system_error& e) {
    const size_t started = state_->workers.size() + 1;
    state_->finish();
    fail_with_hint(ErrorKind::OverBudget, "ask for fewer threads, or raise the limits of this process (ulimit -u, -v)",
                   "cannot start thread {} of {}: {}", started + 1, threads, e.code().message());
  } catch (...) {
    state_->finish();
    throw;
  }
}

ThreadPool::~ThreadPool() { state_->finish(); }

int ThreadPool::size() const { return static_cast<int>(state_->workers.size()) + 1; }

void ThreadPool::run(int64_t count, const std::function<void(int64_t, int)>& task) {
  State& s = *state_;
  if (count <= 0) return;
  if (s.workers.empty() || count == 1) {
    for (int64_t i = 0; i < count; ++i) task(i, 0);
    return;
  }
  const std::lock_guard turn(s.turn);
  {
    std::lock_guard lock(s.mutex);
    s.task = &task;
    s.count = count;
    s.next = 0;
    s.error = nullptr;
    s.busy = static_cast<int>(s.workers.size());
    s.round.fetch_add(1, std::memory_order_release);
  }
  s.wake.notify_all();
  s.work(0);
  for (int spin = 0; spin < 4000 && s.busy.load(std::memory_order_acquire) != 0; ++spin) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }
  std::unique_lock lock(s.mutex);
  s.done.wait(lock, [&] { return s.busy.load() == 0; });
  if (s.error) std::rethrow_exception(std::exchange(s.error, nullptr));
}

}  // namespace newbie
