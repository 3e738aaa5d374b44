// How far two words are apart, to find the one that was meant.
#pragma once

#include <cstddef>
#include <string_view>

namespace newbie {

// What two neighbouring letters that changed places count as.
enum class Swapped { TwoEdits, OneEdit };

// Bytes to insert, delete or replace to make one word of the other: Levenshtein's distance, or, where a swap is one
// edit, that of optimal string alignment. Takes time by the product of the lengths; words whose lengths differ by more
// than 200 are at least that far apart, and nobody who looks for the nearest word asks further.
size_t edit_distance(std::string_view a, std::string_view b, Swapped swapped = Swapped::TwoEdits);

}  // namespace newbie
