// Requests from a file of lines: --prompts.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "arguments.h"

namespace newbie {

struct ListedRequest {
  std::string where;  // "prompts.jsonl:3"
  GenerateRequest request;
  std::optional<std::string> output = {};  // a pattern of its own
  bool has_random_seed = false;            // chosen when the line was read: every reading has another
  std::optional<Error> problem = {};       // it cannot be drawn; its request means nothing
};

// One request for each line that is not blank: `arguments.request` with what the line says instead, wildcards and
// format applied. A line is a JSON object with keys of prompt_list_keys(); where the file's name does not end in .jsonl
// or .json, a line that begins with no { is a prompt. A .csv or .tsv has the keys in its first row; an empty cell says
// nothing. Every line is read before anything else happens; an unknown key or a bad value is an Error that opens with
// file:line, or with BadLines::Kept stands in the list in its place; a bad first row is always an Error. "-" is
// standard input. `has_prompt`: lines may go without one.
enum class BadLines { Refused, Kept };
std::vector<ListedRequest> read_prompt_list(const std::filesystem::path& path, PictureArguments& arguments,
                                            bool has_prompt, BadLines bad_lines = BadLines::Refused);

std::string prompt_list_keys();

}  // namespace newbie
