#include "lists/csv.h"

#include <algorithm>

#include "core/error.h"

namespace newbie {

namespace {

char separator_of(std::string_view text) {
  const std::string_view first = text.substr(0, text.find('\n'));
  char best = ',';
  for (const char c : {';', '\t'})
    if (std::ranges::count(first, c) > std::ranges::count(first, best)) best = c;
  return best;
}

}  // namespace

std::vector<CsvRow> read_csv(std::string_view text, std::string_view where) {
  const char separator = separator_of(text);
  std::vector<CsvRow> out;
  size_t line = 1;
  for (size_t at = 0; at < text.size();) {
    CsvRow row{.line = line, .cells = {}};
    bool is_last = false;
    while (!is_last) {
      std::string cell;
      if (at < text.size() && text[at] == '"') {
        const size_t opened = line;
        for (++at;; ++at) {
          if (at >= text.size()) fail(ErrorKind::BadFile, "{}:{}: a quote without its partner", where, opened);
          if (text[at] == '"' && (at + 1 == text.size() || text[at + 1] != '"')) break;
          if (text[at] == '"') ++at;
          line += text[at] == '\n';
          cell += text[at];
        }
        ++at;
        if (at < text.size() && text[at] != separator && text[at] != '\n' && text[at] != '\r')
          fail(ErrorKind::BadFile, "{}:{}: text behind a closing quote", where, line);
      } else {
        const size_t end = std::min(text.find_first_of(std::string{separator, '\n'}, at), text.size());
        cell = text.substr(at, end - at);
        at = end;
        if (cell.ends_with('\r')) cell.pop_back();
      }
      if (at < text.size() && text[at] == '\r') ++at;
      is_last = at >= text.size() || text[at] == '\n';
      ++at;
      row.cells.push_back(std::move(cell));
    }
    ++line;
    if (std::ranges::any_of(row.cells, [](const std::string& cell) { return !cell.empty(); }))
      out.push_back(std::move(row));
  }
  return out;
}

std::string csv_cell(std::string_view text) {
  if (text.find_first_of(",;\t\"\r\n") == text.npos) return std::string(text);
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

}  // namespace newbie
