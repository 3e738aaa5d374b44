// Comma-separated values (RFC 4180): rows of cells, which may be quoted and then hold commas and line breaks.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace newbie {

struct CsvRow {
  size_t line = 0;  // where it begins, from 1
  std::vector<std::string> cells;
};

// The separator is the one of `,`, `;` and a tab that the first row has most of. Rows without any text are left out.
// Error{BadFile} "where:line: …" for a quote without its partner, or text behind a closing one.
std::vector<CsvRow> read_csv(std::string_view text, std::string_view where);

std::string csv_cell(std::string_view text);  // quoted where it has to be

}  // namespace newbie
