// --precision-policy: rules for dtypes in a TOML file (docs/precision.md).
#pragma once

#include <string>
#include <vector>

#include "compile/precision.h"

namespace newbie {

// Error{BadFile} when the file cannot be read, Error{InvalidRequest} with its line when it is no policy.
std::vector<PrecisionRule> read_precision_policy(const std::string& file);

}  // namespace newbie
