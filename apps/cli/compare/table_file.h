// Tables that compare precisions: ours, and somebody else's from a file (docs/precision.md has its fields).
#pragma once

#include <filesystem>

#include "compare/score.h"
#include "core/json.h"
#include "evaluate/table_check.h"

namespace newbie {

ComparedTable table_of(const CompareReport& report);

struct TableFile {
  std::string title, source;
  ComparedTable table;
};
// Error{BadFile} naming the file, the field, what was expected and what came.
TableFile read_table(const std::filesystem::path& path);

// What a file of that text says; `where` names it in errors.
TableFile parse_table(std::string_view text, const std::string& where);

OrderedJson findings_json(const std::vector<TableFinding>& findings);
std::string findings_text(const std::vector<TableFinding>& findings);

}  // namespace newbie
