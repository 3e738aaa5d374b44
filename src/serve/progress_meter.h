// How far a job is, as one number that only rises, and how long the rest will take.
#pragma once

#include <optional>

#include "generate/request.h"
#include "generate/run_observer.h"

namespace newbie {

// Network evaluations are nearly all of the work: kBefore is what the text takes, kAfter the decoding, the rest is
// counted in evaluations over all pictures and both passes.
class ProgressMeter {
 public:
  explicit ProgressMeter(const GenerateRequest& request);

  void stage(const RunPlace& at);
  void step(const RunPlace& at, double seconds);
  void finish() { raise_to(1); }

  double progress() const { return progress_; }  // 0 … 1
  std::optional<double> seconds_left() const;    // of the evaluations, by the mean of those so far

 private:
  static constexpr double kBefore = 0.02, kAfter = 0.03;
  void raise_to(double progress);

  int passes_;
  double progress_ = 0;
  double seconds_ = 0;    // of all evaluations so far
  double evaluated_ = 0;  // the share of all evaluations that is done
};

}  // namespace newbie
