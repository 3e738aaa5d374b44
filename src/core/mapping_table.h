// The table of mapped files that the SIGBUS handler reads. A file that shrinks under its mapping raises SIGBUS at the
// first read past its new end: the handler puts a page of zeros there and marks the row. Only MappedFile uses this.
#pragma once

#include <cstddef>

namespace newbie {

inline constexpr size_t kMaxMappings = 256;

// Adds [begin, begin + bytes) to the table and installs the handler if it is not there yet. On success the row owns
// `descriptor`. Returns the row; Error{Unsupported} when kMaxMappings files are mapped already.
size_t add_mapping(const std::byte* begin, size_t bytes, int descriptor);

// Frees the row and closes its descriptor. To be called before the range is unmapped.
void remove_mapping(size_t row) noexcept;

int mapping_descriptor(size_t row) noexcept;
bool mapping_is_damaged(size_t row) noexcept;  // the handler had to give zeros somewhere in the range

}  // namespace newbie
