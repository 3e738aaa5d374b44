// What a person should know before a request is drawn: it is well-formed, and will not do what it seems to ask for.
#pragma once

#include <string>
#include <vector>

#include "generate/request.h"

namespace newbie {

// A sentence each, names of fields in backquotes. Of a request that check_request() lets through.
std::vector<std::string> request_notes(const GenerateRequest& request);

}  // namespace newbie
