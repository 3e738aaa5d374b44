// A weight times powers of two, under a name of its own: compile/rescale asks for it, weights/WeightStore gives it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace newbie {

// Rows [begin, end) of the first axis, times 2^log2.
struct RowScale {
  int64_t begin = 0, end = 0;
  int log2 = 0;
};

struct ScaledWeight {
  std::string_view name;       // of the weight as it is stored
  int log2 = 0;                // of all of it
  std::vector<RowScale> rows;  // of some rows besides

  bool is_as_stored() const { return log2 == 0 && rows.empty(); }
};

// "layers.0.feed_forward.w2.weight" and -4: "layers.0.feed_forward.w2.weight*2^-4"; with 12 for rows 384 to 480
// "…*2^12[384:480]"; with nothing the name itself.
std::string scaled_weight_name(std::string_view name, int log2, std::span<const RowScale> rows = {});

// Back; a name that is no such name is its own, with log2 0.
ScaledWeight parse_scaled_weight(std::string_view name);

// Multiplies those elements that are of these rows; the first of `elements` is number `first` of the weight, of whose
// rows each has `row_elements`.
void scale_rows(std::span<const RowScale> rows, size_t row_elements, size_t first, std::span<float> elements);

}  // namespace newbie
