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
  std::optional<std::string> output;  // a pattern of its own
};

// One request for each line that is not blank: `arguments.request` with what the line says instead, wildcards and
// format applied. A line is a JSON object with keys of prompt_list_keys(); where the file's name does not end in .jsonl
// or .json, a line that begins with no { is a prompt. Every line is read before anything else happens; an unknown key
// or a bad value is an Error that opens with file:line. `has_prompt`: lines may go without one.
std::vector<ListedRequest> read_prompt_list(const std::filesystem::path& path, PictureArguments& arguments,
                                            bool has_prompt);

std::string prompt_list_keys();

}  // namespace newbie
