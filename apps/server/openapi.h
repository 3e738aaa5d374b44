// The OpenAPI document, made of the two tables that decide: routes and fields of a request.
#pragma once

#include "core/json.h"

namespace newbie {

OrderedJson openapi_document();

}  // namespace newbie
