// The tensors of one module of an adapter file, and the changes they make.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "adapters/module_index.h"
#include "adapters/scale_rules.h"
#include "models/adapter_key.h"
#include "weights/file_tensor.h"

namespace newbie {

struct AdapterGroup {
  struct Factor {
    FileTensor tensor;
    std::string name;  // "lora_A", as the file says
  };
  std::string module;  // with prefixes, as the file says
  FoundModule found;
  std::map<AdapterRole, Factor> factors;
};

// What is worth telling of all groups together.
struct GroupNotes {
  size_t without_alpha = 0;     // modules of low-rank factors whose scale nobody says
  size_t whole_lokr_alpha = 0;  // LoKr modules with whole factors whose alpha, which does not count, is not `dim`
  double whole_lokr = 0;        // that alpha
};

// The changes of one group, one of each of its weights and pieces. `dim`: what the file's metadata say of ranks, if
// anything. Error{BadFile} when factors are missing or do not fit, Error{Unsupported} when they cannot be cut into the
// model's weights.
std::vector<AdapterChange> read_group(const AdapterGroup& group, const AdapterBase& base, const ScaleRules& rules,
                                      std::optional<double> dim, GroupNotes& notes);

}  // namespace newbie
