// The report of newbie overflow as one HTML page: no script, nothing loaded from elsewhere.
#pragma once

#include <string>

#include "overflow_report.h"

namespace newbie {

std::string overflow_html(const OverflowReport& report);

}  // namespace newbie
