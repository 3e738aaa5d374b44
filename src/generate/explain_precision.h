// Which rule of a policy set what, for the ops of a model.
#pragma once

#include <string>
#include <vector>

#include "compile/precision.h"
#include "generate/parts.h"

namespace newbie {

struct ExplainedOp {
  std::string graph;               // "transformer step", "vae decoder"
  std::vector<std::string> paths;  // how policies know it
  std::string op;
  NumericClass numeric_class = NumericClass::Source;
  OpPrecision precision;
  std::string storage_rule, compute_rule, accumulate_rule;  // in words
  int log2 = 0;                                             // what a rescale has it multiplied by, as a power of two
};

// Every op of the model at `paths` that `glob` holds for, as a rule's path would (no part: the transformer).
// Error{InvalidRequest} when there is none.
std::vector<ExplainedOp> explain_precision(const ModelPaths& paths, const PrecisionPolicy& policy,
                                           const std::string& glob);

}  // namespace newbie
