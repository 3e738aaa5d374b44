// Roofline: the least time that a program can take on a card, by what it computes and what it moves. A bound, not a
// measurement: no kernel is asked how well it does.
#pragma once

#include <string>
#include <vector>

#include "backend/lowered_graph.h"

namespace newbie {

// What a card does at most.
struct CardRates {
  double flop_per_second = 0;
  double bytes_per_second = 0;  // of its memory
};

// Steps of one op together.
struct RooflineRow {
  std::string op;
  int64_t steps = 0;
  double flop = 0;
  double bytes = 0;            // each operand read once and each result written once; weights as they are prepared
  double seconds = 0;          // for each step the larger of both
  double bound_by_memory = 0;  // of the seconds: in steps whose bytes take longer than their operations
};

// One run of the program, by op, the longest first. Steps that the host does cost nothing here. Both rates are
// positive.
std::vector<RooflineRow> roofline(const LoweredGraph& graph, const CardRates& rates);
RooflineRow sum_of(const std::vector<RooflineRow>& rows);  // op "all"

}  // namespace newbie
