// Which other model a file looks like, by keys and shapes that only that family has: for messages.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace newbie {

// What a file's header says: key -> shape.
using HeaderShapes = std::map<std::string, std::vector<int64_t>, std::less<>>;

// "Stable Diffusion XL", "FLUX.1", … or nothing when no row of the table fits. Prefixes of keys do not matter.
std::optional<std::string_view> find_foreign_model(const HeaderShapes& header);

// "Gemma 3 4B" by its width, or nothing for a width no published Gemma 3 has.
std::optional<std::string_view> gemma3_size_name(int64_t width);

// The first key that is `name` or ends in "." + `name`; nullptr: none.
const HeaderShapes::value_type* find_by_ending(const HeaderShapes& header, std::string_view name);

}  // namespace newbie
