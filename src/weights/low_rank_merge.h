// A weight and the low-rank adapter that belongs to it, as one tensor computed when read.
#pragma once

#include "weights/weight_store.h"

namespace newbie {

// Which factor has the rows (PyTorch's LoRA parametrisation swaps the roles for embeddings; spec/jina_clip_v2.md §2.2).
enum class LowRankKind {
  Linear,     // W' = W + scale · B[0]·A[0]   W [out, in],   A [adapters, rank, in],   B [adapters, out, rank]
  Embedding,  // E' = E + scale · A[0]·B[0]   E [rows, dim], A [adapters, rows, rank], B [adapters, rank, dim]
};

// Adapter 0, in f32 whatever the stored dtypes; `scale` is alpha / rank. The result keeps W's shape and dtype.
// Error{BadFile} when the shapes do not fit together, Error{Unsupported} when a tensor is not of a float dtype.
DerivedTensor low_rank_merge(const FileTensor& base, const FileTensor& a, const FileTensor& b, LowRankKind kind,
                             float scale);

}  // namespace newbie
