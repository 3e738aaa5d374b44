// A build without dav1d: an AVIF is refused by its name.
#include "core/error.h"
#include "image/avif.h"

namespace newbie {

DecodedPicture decode_avif(std::span<const std::byte>, std::string_view where, const DecodeLimits&) {
  fail_with_hint(ErrorKind::Unsupported, "convert it to PNG, or build with dav1d (Debian: libdav1d-dev)",
                 "{}: an AVIF picture, and this build reads no AVIF: it was made without dav1d", where);
}

}  // namespace newbie
