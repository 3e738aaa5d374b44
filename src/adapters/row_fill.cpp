#include "adapters/row_fill.h"

#include <algorithm>
#include <vector>

namespace newbie {

std::function<void(size_t, std::span<float>)> fill_by_rows(int64_t columns,
                                                           std::function<void(int64_t, int64_t, float*)> rows) {
  return [width = static_cast<size_t>(columns), rows = std::move(rows)](size_t first, std::span<float> out) {
    const auto cut = [&](size_t skipped, size_t taken) {  // a part of one row
      std::vector<float> row(width);
      rows(static_cast<int64_t>(first / width), 1, row.data());
      std::copy_n(row.data() + skipped, taken, out.data());
      first += taken;
      out = out.subspan(taken);
    };
    if (out.empty()) return;
    if (const size_t skipped = first % width; skipped != 0) cut(skipped, std::min(out.size(), width - skipped));
    if (const size_t whole = out.size() / width; whole != 0) {
      rows(static_cast<int64_t>(first / width), static_cast<int64_t>(whole), out.data());
      first += whole * width;
      out = out.subspan(whole * width);
    }
    if (!out.empty()) cut(0, out.size());
  };
}

}  // namespace newbie
