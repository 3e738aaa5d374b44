// What the engine calls a field or an option, as people on a command line write it.
#pragma once

#include <string>
#include <string_view>

#include "core/error.h"

namespace newbie {

// "raise `strength`" -> "raise --strength": every name in backquotes, of a request or of the engine.
std::string in_flags(std::string_view text);

// "raise `strength`" -> "raise \"strength\"": as a line of JSON has it.
std::string in_keys(std::string_view text);

// The same as in_flags() for an error: its field's name at the beginning of the message becomes the flag, too.
std::string message_in_flags(const Error& error);

// "cfg" -> "--cfg-scale"; empty for what is neither a field of a request nor a known option.
std::string flag_of(std::string_view name);

}  // namespace newbie
