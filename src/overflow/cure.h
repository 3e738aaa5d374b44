// The smallest policy that keeps a run in range: powers of two where the algebra allows them, f32 elsewhere.
#pragma once

#include "overflow/study.h"

namespace newbie {

struct Cure {
  PrecisionRequest request;       // what was asked for, with the cure above it
  std::vector<Rescale> rescales;  // the cure's own; their origins say why
  std::vector<PrecisionRule> rules;
  std::shared_ptr<const Study> after;  // proof: the cured run
  std::vector<std::string> left;       // what no rule helped; empty: cured

  bool works() const { return left.empty() && after->is_finite(); }
};

// Rescales and rules are added until f32 values of the changed graph and its weights fit into the formats, underflow
// takes no costly share, and the run itself stays in range; `before` is the study of `request`. What f32 cannot hold
// either is left. Values that have to share a scale get the one at which they and the weights around them lose least;
// they keep two bits of headroom, so that other prompts find room, too.
Cure cure(Subject& subject, const PrecisionRequest& request, std::shared_ptr<const Study> before,
          const StudyOptions& options, RunObserver& progress, StopToken stop);

}  // namespace newbie
