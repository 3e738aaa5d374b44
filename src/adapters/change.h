// What changes do to weights, in f32: the difference one makes, and a weight after several.
#pragma once

#include <vector>

#include "adapters/adapter.h"

namespace newbie {

// A change as it is used: W + strength · (W' − W).
struct AppliedChange {
  AdapterChange change;
  double strength = 1;
};

// scale · Δ of a change as [rows, columns], or [rows] of a vector. Error{Internal} for a replacement and for a change
// with a magnitude: theirs depends on the weight.
DerivedTensor delta_tensor(const AdapterChange& change);

// `base`, a weight of the changes' shape, after all of them, each made on what the earlier ones left. Sums are in f32
// and nothing is rounded on the way.
DerivedTensor changed_weight(const DerivedTensor& base, std::vector<AppliedChange> changes);

// What the last of `changes` adds to rows [first_row, first_row + rows) of it, after the earlier ones.
DerivedTensor last_difference(const DerivedTensor& base, std::vector<AppliedChange> changes);

// magnitude / ‖V‖ of the last of `changes`, which has one an output row, made on what the earlier ones left: [rows].
// A row of zeros has 0.
DerivedTensor last_row_factors(const DerivedTensor& base, std::vector<AppliedChange> changes);

// The changes of one weight that are low-rank, side by side: down [R, columns], up [shape rows, R] with zeros where a
// change has no rows; strength and scale are in `up`. Error{Internal} for another kind or a magnitude.
struct LowRankFactors {
  DerivedTensor down, up;
};
LowRankFactors join_low_rank(std::span<const AppliedChange> changes);

}  // namespace newbie
