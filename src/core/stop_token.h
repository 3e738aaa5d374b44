// A flag, or either of two, that asks long work to stop. Set from a signal handler or another thread; read between
// operations.
#pragma once

#include <atomic>

#include "core/error.h"

namespace newbie {

class StopToken {
 public:
  StopToken() = default;
  explicit StopToken(const std::atomic<bool>* flag, const std::atomic<bool>* other = nullptr)
      : flag_(flag), other_(other) {}

  bool stop_requested() const { return is_set(flag_) || is_set(other_); }
  void throw_if_stopped() const {
    if (stop_requested()) throw Error(ErrorKind::Cancelled, "stopped by request");
  }

 private:
  static bool is_set(const std::atomic<bool>* flag) { return flag != nullptr && flag->load(std::memory_order_relaxed); }

  const std::atomic<bool>* flag_ = nullptr;
  const std::atomic<bool>* other_ = nullptr;
};

}  // namespace newbie
