// Tensors computed from what a file holds: widened, shifted norms, and matrices that another layout keeps in pieces.
#pragma once

#include <vector>

#include "weights/weight_store.h"

namespace newbie {

// The tensor as it is stored, widened to f32. Error{Unsupported} when it is of no float dtype.
DerivedTensor stored_tensor(const FileTensor& tensor);

// Every value less 1, in f32 and unrounded: a norm that llama.cpp stores as 1 + w.
DerivedTensor minus_one(DerivedTensor tensor);

// The rows of `pieces`, one after the other. Error{BadFile} when there is none or their columns differ; what is stored
// narrowly counts as its widest piece.
DerivedTensor join_rows(std::vector<DerivedTensor> pieces);

}  // namespace newbie
