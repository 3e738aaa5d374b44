// --from: the request of a picture that was drawn before, under the flags given now.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "core/log.h"
#include "generate/recall.h"

namespace newbie {

// A file of words, and how many of them are read.
bool is_recalled_text(const std::string& file);
inline constexpr size_t kMaxRecalledBytes = size_t{16} << 20;

// What a file says: a picture's texts, or a .json or .txt of what such a text holds. Error{BadFile} when it says
// nothing.
Recollection read_recollection(const std::string& file);

// Error{BadFile} when it says no prompt: what is drawn then has nothing of the picture's.
void require_prompt(const Recollection& recalled, const std::string& file);

// Sets every flag of `parser` that the file speaks of, except those given on the command line or in a profile, and
// those that exclude one given there; the prompt goes into `request` unless a prompt was given. To be called after
// parsing. Error{InvalidRequest} for a value that is none.
Recollection recall_request(CLI::App& parser, const std::string& file, GenerateRequest& request);

// Tells what could not be taken over, and when the model, its precision or the pictures it starts from are others.
// Error{InvalidRequest} when it started from a picture and none is given.
void tell_differences(const Recollection& recalled, const GenerateRequest& request, TextToImage& engine, Log& log);

}  // namespace newbie
