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
  // here. Not reentrant: a task must not call run() on the same pool.
  void run(int64_t count, const std::function<void(int64_t index, int worker)>& task);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace newbie
