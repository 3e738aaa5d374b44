// What an adapter file is, by its keys (spec/training.md §6): for `newbie inspect`.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "models/foreign_models.h"

namespace newbie {

struct AdapterKeys {
  std::string type;                       // "LoRA", "LoKr", "LoRA and whole differences", …
  std::string naming;                     // whose words the keys are: "PEFT (base_model.model.…)", …
  std::set<int64_t> ranks;                // of the low-rank factors
  size_t full_matrices = 0;               // LoKr modules without a low-rank factor
  size_t modules = 0;                     // adapted weights
  std::map<std::string, size_t> targets;  // module's name without its layer -> how many
  std::vector<std::string> alpha_keys;    // one scalar each
  std::vector<std::string> unknown;       // keys that are no part of an adapter
};

AdapterKeys adapter_keys(const HeaderShapes& header);

}  // namespace newbie
