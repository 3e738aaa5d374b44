#include "models/config_source.h"

#include <cmath>

#include "core/printable.h"

namespace newbie {

Shape ConfigSource::require(const std::string& name, int rank) const {
  const auto found = shape(name);
  if (!found)
    fail_with_hint(ErrorKind::BadFile, "is this the right file for this part?", "{}: weight {} is missing", where,
                   name);
  if (found->rank() != rank)
    fail(ErrorKind::BadFile, "{}: weight {} must have rank {}, got {}", where, name, rank, found->str());
  for (int64_t extent : found->extents())
    if (extent <= 0) fail(ErrorKind::BadFile, "{}: weight {} is empty: {}", where, name, found->str());
  return *found;
}

int64_t ConfigSource::count(const std::string& prefix, const std::string& suffix) const {
  int64_t n = 0;
  while (shape(prefix + std::to_string(n) + suffix)) ++n;
  return n;
}

double config_number(const Json& json, const char* key, double fallback, double low, double high,
                     const std::string& where) {
  if (!json.is_object() || !json.contains(key) || json.at(key).is_null()) return fallback;
  const Json& value = json.at(key);
  if (!value.is_number())
    fail(ErrorKind::BadFile, "{}: {} must be a number, got {}", where, key, in_quotes(value.dump()));
  const double number = value.get<double>();
  if (!std::isfinite(number) || number < low || number > high)
    fail(ErrorKind::BadFile, "{}: {} must be between {} and {}, got {}", where, key, low, high, number);
  return number;
}

}  // namespace newbie
