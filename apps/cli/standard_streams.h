// Standard input and output as bytes. They are pipes and terminals, not files, so core/files has no part in them.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "core/json.h"

namespace newbie {

// Descriptors 0 to 2 that the caller closed are opened on /dev/null, so that no file we open takes their place; writing
// to a standard output that was closed, to a closed pipe, or beyond the limit for a file's size, becomes an error
// instead of a signal.
void settle_standard_streams();

// Everything up to the end of stdin. Error{InvalidRequest} beyond `limit` bytes, Error{BadFile} when it fails.
std::string read_standard_input(size_t limit);

// Error{BadFile} when not everything could be written.
void write_standard_output(std::span<const std::byte> bytes);

// The same for words; a reader who has gone away is no error, because the pictures are there without him. Control
// characters of files and prompts are shown, not obeyed (core/printable.h).
void print(std::string_view text);
void print_for_terminal(std::string_view sequences);  // what shall be obeyed: a picture as escape sequences
void print_json(const OrderedJson& json);             // one line; text that is not UTF-8 (paths) is repaired

}  // namespace newbie
