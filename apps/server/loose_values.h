// Values as other programs' clients write them. pydantic, which reads A1111's and OpenAI's requests, takes "7" and 7.0
// for 7 and "true" for true; Python's forms say "True"; forms hold texts alone.
#pragma once

#include "core/json.h"
#include "generate/request_fields.h"

namespace newbie {

// `value` as this kind has it where it can be read so, else as it came: whoever checks it says what was expected.
OrderedJson loose_value(FieldKind kind, OrderedJson value);

// The same for every member of an object that is a field of ours.
void loosen_fields(OrderedJson& json);

}  // namespace newbie
