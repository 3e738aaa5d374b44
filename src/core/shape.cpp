#include "core/shape.h"

#include <fmt/ranges.h>

namespace newbie {

std::string Shape::str() const { return fmt::format("[{}]", fmt::join(extents(), ", ")); }

}  // namespace newbie
