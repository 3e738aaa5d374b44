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

// The same for words; a reader who has gone away is no error, because the pictures are there without him. What files,
// their names and prompts have in them is shown, not obeyed (core/printable.h): whatever a command prints goes through
// print, print_data or print_json.
void print(std::string_view text);
void print_data(std::string_view text);               // for other programs to read: as it is, but to a terminal
void print_json(const OrderedJson& json);             // one line; text that is not UTF-8 (paths) is repaired
void print_for_terminal(std::string_view sequences);  // what shall be obeyed: a picture as escape sequences

}  // namespace newbie
