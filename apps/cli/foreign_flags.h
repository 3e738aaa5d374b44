// Flags of other programs that draw, and values of theirs under flags of ours, by what they are here.
#pragma once

#include <string_view>

#include "generate/request_fields.h"

namespace newbie {

struct ForeignFlag {
  std::string_view theirs;  // "--guidance-scale", with dashes
  std::string_view ours;    // "--cfg-scale"; empty: there is none
  std::string_view words;   // why not, or how it differs; may be empty where there is one
};

// By a word of a command line, dashes or underscores; null: nobody's that we know.
const ForeignFlag* find_foreign_flag(std::string_view word);

// A hint for a value that `field` refuses and that says what another one takes; empty: nobody knows what was meant.
std::string_view foreign_value_hint(const RequestField& field, std::string_view value);

}  // namespace newbie
