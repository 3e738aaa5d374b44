// What a narrow format makes of weights: those beyond it, and those that vanish in it.
#pragma once

#include "compile/rescale.h"
#include "core/weight_source.h"
#include "overflow/ranges.h"

namespace newbie {

// Of every weight that op `id` of `graph`, with its precision decided, multiplies with in less than f32. Rows of
// matrices make columns of the result: where it is cut into `pieces`, the rows of each are looked at by themselves, so
// that large ones do not hide small ones.
std::vector<WeightRange> weight_ranges(const std::string& part, const Graph& graph, int id,
                                       const std::vector<ResultPiece>& pieces, const WeightSource& weights);

}  // namespace newbie
