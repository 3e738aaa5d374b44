// Text of files and of people as messages and terminals show it: nothing in it is obeyed or stays unseen, and no line
// is endless.
#pragma once

#include <string>
#include <string_view>

namespace newbie {

// What would steer a terminal, or lay text out otherwise than it is read, becomes visible: control characters (C0 but
// line breaks and tabs, DEL) and bytes that are not UTF-8 as \x1b; C1 controls, bidirectional controls (Unicode's
// Bidi_Control) and Unicode's line breaks as \u202e. All else stays as it is, backslashes too. The result is UTF-8.
std::string printable(std::string_view text);

// The same on one line, line breaks and tabs as \x0a: for names, and for messages that have names in them. What does
// not fit into `most_bytes` is cut off behind "…".
std::string in_one_line(std::string_view text, size_t most_bytes = std::string_view::npos);

// A name or value from a file inside a message: 'name' on one line, cut behind 160 bytes.
std::string in_quotes(std::string_view name);

// JSON, in UTF-8, whose strings have all of that as \u202e: the same values, for a terminal.
std::string printable_json(std::string_view json);

}  // namespace newbie
