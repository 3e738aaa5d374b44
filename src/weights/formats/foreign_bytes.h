// What a file is that should hold weights and does not, by its first bytes: for messages.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace newbie {

// Throws when the bytes are those of a known other thing: Error{BadFile} for what is no weights at all (a Git LFS
// pointer, a web page, zeros, …), Error{Unsupported} for weights in a format that is not read (pickles, ONNX, GGML).
// `expected` is the format's name.
void refuse_foreign_bytes(std::span<const std::byte> file, std::string_view expected, std::string_view where);

}  // namespace newbie
