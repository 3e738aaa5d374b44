// What a model's small files may hold: longer ones are refused before they are read.
#pragma once

#include <cstddef>

namespace newbie {

inline constexpr size_t kMaxConfigBytes = size_t{4} << 20;
inline constexpr size_t kMaxMarkerBytes = size_t{64} << 10;  // of how a weight is stored
inline constexpr size_t kMaxTokenizerBytes = size_t{256} << 20;

}  // namespace newbie
