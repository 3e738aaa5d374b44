// --precision-policy: rules for dtypes and rescalings in a TOML file (docs/precision.md).
#pragma once

#include <string>
#include <vector>

#include "compile/precision.h"

namespace newbie {

struct PrecisionPolicyFile {
  std::vector<PrecisionRule> rules;
  std::vector<Rescale> rescales;
};

// Error{BadFile} when the file cannot be read, Error{InvalidRequest} with its line when it is no policy.
PrecisionPolicyFile read_precision_policy(const std::string& file);

// The same as text, with `comment` at its head (any number of lines). What is in it must be a user's: a path, a class
// or an op, and something set.
std::string precision_policy_text(const PrecisionPolicyFile& policy, const std::string& comment);

}  // namespace newbie
