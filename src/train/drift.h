// How far two runs from one start have come apart.
#pragma once

#include <filesystem>

namespace newbie {

// ‖a − b‖ / ‖b − start‖ over all trained numbers of three checkpoints: 0 where both are the same, 1 where a is as far
// from b as b has gone. NaN when b has not moved. Error{BadFile} when one cannot be read or is of another shape.
double parameter_drift(const std::filesystem::path& a, const std::filesystem::path& b,
                       const std::filesystem::path& start);

}  // namespace newbie
