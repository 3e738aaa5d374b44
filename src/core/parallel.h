// Threads: one pool, passed by reference. Work is cut into tasks whose number and borders never depend on
// the number of threads, so results are the same bytes for any thread count.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

namespace newbie {

class ThreadPool {
 public:
  static constexpr int kMaxThreads = 1024;

  // `threads` in [1, kMaxThreads] counts the caller, who works too; else Error{InvalidRequest}. Error{OverBudget} when
  // the system gives no more threads.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const;

  // Calls task(index, worker) once for every index in [0, count); worker in [0, size()) names the thread,
  // for per-thread scratch. Returns when all are done. The first exception thrown by a task is rethrown
  // here. Several threads may call it: each call has all the workers while it runs, and the others wait for it (in no
  // order), but for calls that need no worker (one task, or a pool of one), which run at once on their caller. So two
  // callers may be worker 0 at the same time, and what a worker number picks must belong to the caller. Not reentrant:
  // a task must not call run() on the same pool.
  void run(int64_t count, const std::function<void(int64_t index, int worker)>& task);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace newbie
