// Markup of other programs in prompts, which this family of models would read as words.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace newbie {

struct ForeignMarkup {
  std::string text;   // as it stands in the prompt, cut when it is long
  std::string words;  // what becomes of it, after the text: "is read as words; …"
};

// Each kind once, where it is first met. `weights`: the prompt has the markup of prompt_weights.h.
std::vector<ForeignMarkup> foreign_markup(std::string_view prompt, bool weights);

}  // namespace newbie
