// Fields of other programs' requests, by what they are here.
#pragma once

#include <string_view>

namespace newbie {

// "num_inference_steps" is "`steps`", "size" is "`width` and `height`"; empty: nobody's that we know.
std::string_view find_foreign_field(std::string_view name);

}  // namespace newbie
