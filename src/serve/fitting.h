// What of a request that is too large would fit: the least that has to be given up, found by planning it.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "core/error.h"
#include "serve/job_engine.h"

namespace newbie {

struct Fit {
  std::string what;         // in words: "tiles of 512 pixels", "768x512 instead of 1152x768"
  GenerateRequest request;  // the one that fits, init picture and mask left out
  size_t peak_bytes = 0;
};

// Tries, from the least loss on: one picture at a time, decoding in tiles, no second pass, smaller pictures of the same
// shape. Nothing where even the smallest does not fit. A plan an attempt, and none of them allocates. Error{Cancelled}
// soon after `stop` is set.
std::optional<Fit> what_would_fit(JobEngine& engine, const GenerateRequest& request, StopToken stop);

// Error{OverBudget} of a plan, with what would fit beside it.
class TooLarge : public Error {
 public:
  TooLarge(const Error& error, std::optional<Fit> fit) : Error(error), fit_(std::move(fit)) {}
  const std::optional<Fit>& fit() const { return fit_; }

 private:
  std::optional<Fit> fit_;
};

// As JobEngine::prepare(); TooLarge instead of Error{OverBudget}.
std::unique_ptr<PreparedDrawing> prepare_or_say_what_fits(JobEngine& engine, const GenerateRequest& request, Log& log,
                                                          StopToken stop);

}  // namespace newbie
