#include "core/edit_distance.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace newbie {

size_t edit_distance(std::string_view a, std::string_view b, Swapped swapped) {
  constexpr size_t kFar = 200;
  if (const size_t least = a.size() > b.size() ? a.size() - b.size() : b.size() - a.size(); least > kFar) return least;
  const size_t width = b.size() + 1;
  std::vector<size_t> rows(3 * width);  // of the table, the last three
  const auto row = [&](size_t i) { return rows.data() + i % 3 * width; };
  std::iota(row(0), row(0) + width, size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    row(i)[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t& out = row(i)[j];
      out = std::min({row(i - 1)[j] + 1, row(i)[j - 1] + 1, row(i - 1)[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (swapped == Swapped::OneEdit && i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        out = std::min(out, row(i - 2)[j - 2] + 1);
    }
  }
  return row(a.size())[b.size()];
}

}  // namespace newbie
