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

// What a GGUF file says that it is instead of a model, by its text "general.type" (or an architecture that is none):
// an adapter, a vision part, …; nothing when it says that it is a model, or nothing.
std::optional<std::string> find_foreign_gguf_type(const std::map<std::string, std::string>& texts);
// Which other model it says it is, by "general.architecture"; nothing when it says nothing, or one of ours.
std::optional<std::string> find_foreign_gguf_architecture(const std::map<std::string, std::string>& texts);

// "Gemma 3 4B" by its width, or nothing for a width no published Gemma 3 has.
std::optional<std::string_view> gemma3_size_name(int64_t width);

// The first key that is `name` or ends in "." + `name`; nullptr: none.
const HeaderShapes::value_type* find_by_ending(const HeaderShapes& header, std::string_view name);

}  // namespace newbie
