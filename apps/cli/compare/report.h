// A comparison's report: for a program, for a terminal, and as a page.
#pragma once

#include <string>

#include "compare/score.h"
#include "core/json.h"

namespace newbie {

OrderedJson compare_json(const CompareReport& report, const CompareSettings& settings, const ScoreOptions& options);
std::string compare_text(const CompareReport& report);

struct PageOptions {
  size_t shown_pictures = 6;  // of each row, inside the page
  std::string command;        // that made it
};
// Reads the pictures to be shown from the store.
std::string compare_page(const CompareReport& report, const CompareSettings& settings, const CompareStore& store,
                         const PageOptions& page);

// "0.812 [0.79, 0.83]"
std::string value_text(double value, const std::optional<Interval>& interval);

}  // namespace newbie
