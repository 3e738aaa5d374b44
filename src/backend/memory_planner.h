// Where every intermediate lies in the arena: an assignment of offsets such that values alive at the same step do not
// overlap.
#pragma once

#include <cstddef>
#include <vector>

namespace newbie {

struct ArenaBlock {
  size_t bytes = 0;
  int first_step = 0;  // written at this step
  int last_step = 0;   // last read at this step
  size_t offset = 0;   // filled in by plan_arena, a multiple of 64
};

// Places the blocks and returns the arena's size: no two blocks whose step ranges meet share a byte. Greedy by size,
// lowest gap first: for networks of repeated blocks this is the largest moment's sum of live bytes, or close to it.
size_t plan_arena(std::vector<ArenaBlock>& blocks);

}  // namespace newbie
