// The keys that "scaled fp8" files of ComfyUI have beside their weights (spec/checkpoints.md §9): `X.scale_weight` or
// `X.weight_scale` belongs to `X.weight`.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace newbie {

struct ScaledKeys {
  std::vector<std::string> keys;                             // all others, in their order: what a name map is made from
  std::map<std::string, std::string, std::less<>> scale_of;  // weight's key -> its scale's key
  std::vector<std::string> ignored;                          // marks, and scales of activations
};

// `keys` are sorted. A scale without a weight stays among the keys. Error{BadFile} when a weight has both kinds.
ScaledKeys split_scales(std::span<const std::string> keys, std::string_view where);

}  // namespace newbie
