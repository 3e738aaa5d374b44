#include "models/scale_keys.h"

#include <algorithm>

#include "core/error.h"
#include "models/key_text.h"

namespace newbie {

namespace {

constexpr std::string_view kScales[] = {"scale_weight", "weight_scale"};
constexpr std::string_view kIgnored[] = {"scaled_fp8", "scale_input", "input_scale", "comfy_quant"};

}  // namespace

ScaledKeys split_scales(std::span<const std::string> keys, std::string_view where) {
  ScaledKeys result;
  for (const std::string& key : keys) {
    const size_t dot = key.rfind('.');
    const std::string_view last = std::string_view(key).substr(dot == std::string::npos ? 0 : dot + 1);
    if (is_one_of(last, kIgnored)) {
      result.ignored.push_back(key);
      continue;
    }
    std::string weight = is_one_of(last, kScales) && dot != std::string::npos ? key.substr(0, dot) + ".weight" : "";
    if (weight.empty() || !std::binary_search(keys.begin(), keys.end(), weight)) {
      result.keys.push_back(key);
      continue;
    }
    const auto [other, fresh] = result.scale_of.emplace(std::move(weight), key);
    if (!fresh)
      fail(ErrorKind::BadFile, "{}: expected one scale of {}, got '{}' and '{}'", where, other->first, other->second,
           key);
  }
  return result;
}

}  // namespace newbie
