// The page's files as answers: what may load them, and for how long they are kept.
#pragma once

#include <string_view>

#include "http/response.h"

namespace newbie {

// The file of that name, or 404. The page itself is asked for anew each time; what has a hash in its name never
// changes.
Response static_file(std::string_view name);

}  // namespace newbie
