// The manual page, made from the same texts as --help.
#pragma once

#include <string>

#include "command_tree.h"

namespace newbie {

// roff with the man macros, in UTF-8. `version` stands at the bottom of the page.
std::string man_page(const CommandInfo& program, const std::string& version);

}  // namespace newbie
