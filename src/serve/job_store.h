// Which jobs are known: those that wait or draw, and the finished ones for as long as there is room and time.
#pragma once

#include <deque>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "serve/job_entry.h"

namespace newbie {

struct StoreLimits {
  size_t bytes = size_t{1} << 30;  // of finished pictures; the oldest go first, the newest job stays whatever it takes
  double seconds = 3600;           // that a finished job is kept
  size_t jobs = 10000;             // finished ones
};

// Not for several threads at a time.
class JobStore {
 public:
  explicit JobStore(StoreLimits limits) : limits_(limits) {}

  void add(std::shared_ptr<JobEntry> job);
  std::shared_ptr<JobEntry> find(const std::string& id) const;  // null: none
  bool has_expired(const std::string& id) const;                // known once; the last kRemembered of them
  void ended(const std::string& id, double now);                // its time begins, its bytes count
  void forget(const std::string& id);                           // as if it had never been: its submission failed

  // Takes out what is over the limits, oldest first.
  std::vector<std::shared_ptr<JobEntry>> sweep(double now);

  // Jobs in the order they came, the latest first.
  std::vector<std::shared_ptr<JobEntry>> latest() const;
  size_t finished_bytes() const { return bytes_; }

 private:
  static constexpr size_t kRemembered = 10000;  // 1.7 MiB of names
  struct Ended {
    std::string id;
    double at;
    size_t bytes;
  };
  using Order = std::list<std::shared_ptr<JobEntry>>;

  StoreLimits limits_;
  Order order_;  // as they came
  std::unordered_map<std::string, Order::iterator> jobs_;
  std::deque<Ended> ended_;  // as they ended
  size_t bytes_ = 0;
  std::unordered_set<std::string> expired_;
  std::deque<std::string> expired_order_;
};

}  // namespace newbie
