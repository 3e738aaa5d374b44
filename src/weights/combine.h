// Tensors computed from what a file holds: scaled 8-bit weights, and matrices that another layout keeps in pieces.
#pragma once

#include <vector>

#include "weights/weight_store.h"

namespace newbie {

// The tensor as it is stored, widened to f32. Error{Unsupported} when it is of no float dtype.
DerivedTensor stored_tensor(const FileTensor& tensor);

// weight · scale in f32, for "scaled fp8" files. `scale` holds one float: Error{Unsupported} when it has more (a scale
// a row or a block), Error{BadFile} when it is not finite. Reads the scale now.
DerivedTensor scaled_tensor(const FileTensor& weight, const FileTensor& scale);

// The rows of `pieces`, one after the other. Error{BadFile} when there is none or their columns differ; what is stored
// narrowly counts as its widest piece.
DerivedTensor join_rows(std::vector<DerivedTensor> pieces);

}  // namespace newbie
