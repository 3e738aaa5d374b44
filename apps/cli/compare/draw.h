// Draws what a comparison lacks, row beside row, and measures on the way.
#pragma once

#include "compare/settings.h"
#include "compare/store.h"
#include "lists/shard.h"
#include "terminal.h"

namespace newbie {

// Rows take turns of a few pictures, so that a slow hour of the machine is everybody's, and what is there after an
// interruption is a comparison. Of each row the pictures of `share` alone: the folders of all shares, put together, are
// the comparison. A picture that cannot be drawn is a result, too; Error{Cancelled} when stopped.
void draw_comparison(const CompareSettings& settings, const CompareStore& store, const Shard& share, Terminal& terminal,
                     StopToken stop);

}  // namespace newbie
