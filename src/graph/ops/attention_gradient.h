// The way back through attention. Scores and probabilities are made again, so that a step keeps none of them, and no
// more of them at a time than a limit says: heads go by in groups.
#pragma once

#include "graph/graph.h"

namespace newbie {

// Of attention_op's call: gradients of q, k and v. At most `most_scores` numbers of a group's scores [heads, S, T] are
// held in each of the tensors made of them; the scores of one kv head's queries always are. Groups change no number:
// heads have nothing to do with each other.
Gradients attention_gradients(const GradientCall& call, Value dy, int64_t most_scores);

}  // namespace newbie
