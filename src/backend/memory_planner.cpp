#include "backend/memory_planner.h"

#include <algorithm>
#include <numeric>

#include "core/checked.h"

namespace newbie {

size_t plan_arena(std::vector<ArenaBlock>& blocks) {
  std::vector<size_t> order(blocks.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return blocks[a].bytes > blocks[b].bytes; });

  size_t arena = 0;
  std::vector<size_t> placed;  // indices, sorted by offset
  for (size_t index : order) {
    ArenaBlock& block = blocks[index];
    const size_t bytes = round_up(block.bytes, 64);
    size_t offset = 0;
    for (size_t other_index : placed) {
      const ArenaBlock& other = blocks[other_index];
      if (other.last_step < block.first_step || block.last_step < other.first_step) continue;
      if (offset + bytes <= other.offset) break;
      offset = std::max(offset, other.offset + round_up(other.bytes, 64));
    }
    block.offset = offset;
    arena = std::max(arena, offset + bytes);
    const auto at = std::upper_bound(placed.begin(), placed.end(), offset,
                                     [&](size_t value, size_t i) { return value < blocks[i].offset; });
    placed.insert(at, index);
  }
  return arena;
}

}  // namespace newbie
