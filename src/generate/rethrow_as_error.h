// What the standard library throws where a caller expects an Error.
#pragma once

namespace newbie {

// To be called while an exception is handled: running out of memory and what the file system refuses become an Error;
// everything else goes on as it is.
[[noreturn]] void rethrow_as_error();

}  // namespace newbie
