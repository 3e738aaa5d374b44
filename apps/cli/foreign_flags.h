// Flags of other programs that draw, by what they are here.
#pragma once

#include <string_view>

namespace newbie {

struct ForeignFlag {
  std::string_view theirs;  // "--guidance-scale", with dashes
  std::string_view ours;    // "--cfg-scale"; empty: there is none
  std::string_view words;   // why not, or how it differs; may be empty where there is one
};

// By a word of a command line, dashes or underscores; null: nobody's that we know.
const ForeignFlag* find_foreign_flag(std::string_view word);

}  // namespace newbie
