// A flag that asks long work to stop. Set from a signal handler or another thread; read between operations.
#pragma once

#include <atomic>

#include "core/error.h"

namespace newbie {

class StopToken {
 public:
  StopToken() = default;
  explicit StopToken(const std::atomic<bool>* flag) : flag_(flag) {}

  bool stop_requested() const { return flag_ != nullptr && flag_->load(std::memory_order_relaxed); }
  void throw_if_stopped() const {
    if (stop_requested()) throw Error(ErrorKind::Cancelled, "stopped by request");
  }

 private:
  const std::atomic<bool>* flag_ = nullptr;
};

}  // namespace newbie
