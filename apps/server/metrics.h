// What Prometheus reads (text format 0.0.4).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "http/server.h"
#include "serve/job_service.h"

namespace newbie {

// Counts answers; from the I/O thread and from whoever reads.
class HttpCounters {
 public:
  void add(const Answered& answered);
  std::map<int, uint64_t> by_status() const;
  uint64_t left() const;

 private:
  mutable std::mutex mutex_;
  std::map<int, uint64_t> by_status_;
  uint64_t left_ = 0;
};

// `jobs` is null while the model is being opened.
std::string metrics_text(const ServiceCounters* jobs, const HttpCounters& http);

}  // namespace newbie
