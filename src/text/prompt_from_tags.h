// A list of Danbooru tags as a structured prompt. The rules are written down in docs/prompts.md.
#pragma once

#include <string>
#include <string_view>

namespace newbie {

// One character block when the tags speak of a person, and general_tags, in canonical form. Every tag is in the result
// (how many people there are: in count and in gender); what the dictionary does not know is in extra_tags.
// Error{InvalidRequest} for a prompt that has known elements already.
std::string prompt_from_tags(std::string_view tags);

}  // namespace newbie
