// Patterns of PEFT's rank_pattern and alpha_pattern: the part of regular expressions that stands in such tables, in
// bounded time whatever the file says.
#pragma once

#include <string_view>

namespace newbie {

// Python's re.match(r"(.*\.)?(PATTERN)$", module): the pattern is the whole module name, or all of it behind a dot.
// Knows . * + ? {m,n} ( ) (?: ) | [ ] ^ $ \d \w \s, their opposites, and escaped characters. Error{Unsupported} for
// other parts of the language and for a pattern that takes too long.
bool pattern_matches(std::string_view pattern, std::string_view module);

}  // namespace newbie
