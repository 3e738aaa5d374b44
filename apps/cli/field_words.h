// What the engine calls a field or an option, as people on a command line write it.
#pragma once

#include <string>
#include <string_view>

#include "core/error.h"

namespace newbie {

// "raise `strength`" -> "raise --strength": every name in backquotes, of a request or of the engine.
std::string in_flags(std::string_view text);

// The same for an error: its field's name at the beginning of the message becomes the flag, too.
std::string message_in_flags(const Error& error);

// "cfg" -> "--cfg-scale"; a name that is no field of a request gets dashes.
std::string flag_of(std::string_view name);

}  // namespace newbie
