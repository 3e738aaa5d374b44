// The study's table: a row a precision, with what it costs and what it is worth.
#pragma once

#include <string>

#include "compare/score.h"

namespace newbie {

// Memory, time, FID (with a folder of true pictures), CLIP score and the share of pictures that came out; intervals of
// 95 % behind the values where there are some.
std::string compare_markdown(const CompareReport& report);

// The same numbers, bounds of intervals in columns of their own; empty where there is none.
std::string compare_csv(const CompareReport& report);

}  // namespace newbie
