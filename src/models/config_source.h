// Where a network's sizes come from: tensor shapes first, then a JSON configuration, then the official full-size
// values.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "core/json.h"
#include "core/shape.h"

namespace newbie {

struct ConfigSource {
  // Shape of a weight by canonical name, or nothing.
  std::function<std::optional<Shape>(const std::string& name)> shape;
  // config.json of the part or the `config` entry of the file's metadata; null when there is neither.
  Json json;
  // Names the source in messages.
  std::string where;

  // Error{BadFile} when the weight is missing or has another rank.
  Shape require(const std::string& name, int rank) const;
  // How many of prefix0suffix, prefix1suffix, … are there without a gap.
  int64_t count(const std::string& prefix, const std::string& suffix) const;
};

// json[key] as a number, or `fallback` when the key is absent or null. Error{BadFile} when it is something else, not
// finite, or outside [low, high].
double config_number(const Json& json, const char* key, double fallback, double low, double high,
                     const std::string& where);

}  // namespace newbie
