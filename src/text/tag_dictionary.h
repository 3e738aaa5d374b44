// Danbooru's tags by the element of a structured prompt they belong to.
#pragma once

#include <string_view>
#include <vector>

namespace newbie {

// The element ("appearance", "clothing", "background" …; "count" for people; "quality" …) of a tag in Danbooru's
// spelling: lower case, underscores. Empty for tags nobody wrote down here. Whole tags come first, then prefixes
// (`looking_`), then endings (`_hair`), the longest first.
std::string_view element_of_tag(std::string_view tag);

// Whole tags that are written down here, sorted: what a page offers to complete.
std::vector<std::string_view> known_tags();

}  // namespace newbie
