// What takes long to answer has threads of its own, so that everything else is answered meanwhile: planning a very
// large picture takes many seconds.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace newbie {

class SlowLane {
 public:
  explicit SlowLane(int threads);
  ~SlowLane() { stop(); }
  SlowLane(const SlowLane&) = delete;
  SlowLane& operator=(const SlowLane&) = delete;

  // In the order they come, as many at a time as there are threads. After stop() nothing is done any more.
  void post(std::function<void()> work);
  // What is being done is asked to be brief, and what is done from now on, too: all of it looks at interrupted().
  void interrupt() { interrupted_ = true; }
  const std::atomic<bool>& interrupted() const { return interrupted_; }
  void stop();  // interrupts, and waits for what is being done; what waits is let go

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> waiting_;
  bool stopping_ = false;
  std::atomic<bool> interrupted_{false};
  std::vector<std::thread> threads_;
};

}  // namespace newbie
