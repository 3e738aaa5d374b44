// The tags of structured prompts as a JSON Schema, for pages and nodes that build prompts.
#pragma once

#include "core/json.h"

namespace newbie {

// JSON Schema 2020-12 of {character_N: {n, gender, …}, general_tags: {…}, caption}. Members stand in canonical order.
OrderedJson prompt_schema();

}  // namespace newbie
