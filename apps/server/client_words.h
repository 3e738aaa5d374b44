// What OpenAI's and A1111's clients call the fields of ours that they know by another name, so that errors and warnings
// name what they sent.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "answers.h"

namespace newbie {

// "batch" is "n" to OpenAI's clients; our own name where they have none.
std::string_view field_in_words_of(Dialect dialect, std::string_view field);

// "raise `strength`" is "raise `denoising_strength`": every name in backquotes.
std::string in_words_of(Dialect dialect, std::string_view text);
OrderedJson in_words_of(Dialect dialect, const std::vector<std::string>& texts);

// The message of an error, which begins with its field.
std::string message_in_words_of(Dialect dialect, const Error& error);

}  // namespace newbie
