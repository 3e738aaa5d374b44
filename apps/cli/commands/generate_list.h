// newbie generate --prompts: many requests with one model.
#pragma once

#include "arguments.h"

namespace newbie {

// Draws every line of the file. Everything that can be wrong with a line is told before the first is drawn. Pictures of
// lines without a name of their own follow --output; {index} counts them all.
void generate_list(const std::string& file, bool has_prompt, EngineArguments& engine, PictureArguments& picture,
                   const ReportArguments& report, const std::optional<std::string>& memory_log);

}  // namespace newbie
