// newbie generate --prompts: many requests with one model.
#pragma once

#include "arguments.h"
#include "file_roles.h"

namespace newbie {

struct ListArguments {
  std::string file;
  bool has_prompt;    // lines may go without one
  bool names_output;  // --output was given; else the pictures are 000.png, 001.png …
};

// Draws every line of the file. Everything that can be wrong with a line is told before the first is drawn. Pictures of
// lines without a name of their own follow --output; {index} counts them all, and so do the names in a folder.
void generate_list(const ListArguments& list, FileRoles& roles, EngineArguments& engine, PictureArguments& picture,
                   const ReportArguments& report, const std::optional<std::string>& memory_log);

}  // namespace newbie
