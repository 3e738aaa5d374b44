// Why a server says no before any work is done: errors that are no fault of the request's.
#pragma once

#include <string>
#include <string_view>

#include "core/error.h"

namespace newbie {

enum class Refused {
  QueueFull,   // too many wait
  Draining,    // the process is about to end
  Loading,     // the model is not open yet
  NotWritten,  // the journal's disk took no more
  UnknownJob,  // there never was such a job, or it is another's
  ExpiredJob,  // there was, and what it gave is gone
};

// "queue full": what programs tell it by.
constexpr std::string_view to_string(Refused why) {
  switch (why) {
    case Refused::QueueFull: return "queue full";
    case Refused::Draining: return "draining";
    case Refused::Loading: return "loading";
    case Refused::NotWritten: return "not written";
    case Refused::UnknownJob: return "unknown job";
    case Refused::ExpiredJob: return "expired job";
  }
  return "";
}

class Refusal : public Error {
 public:
  Refusal(Refused why, std::string message, std::string hint = {}, int retry_after_s = 0)
      : Error(why == Refused::UnknownJob || why == Refused::ExpiredJob ? ErrorKind::InvalidRequest
                                                                       : ErrorKind::OverBudget,
              std::move(message), std::move(hint)),
        why_(why),
        retry_after_s_(retry_after_s) {}

  Refused why() const { return why_; }
  int retry_after_s() const { return retry_after_s_; }  // 0: asking again does not help

 private:
  Refused why_;
  int retry_after_s_;
};

}  // namespace newbie
