// A convolution and the batch normalisation behind it, as one weight and one bias computed when read.
#pragma once

#include "weights/weight_store.h"

namespace newbie {

// (x − mean) / √(variance + eps) · gain + shift of each output channel, in its inference form.
struct BatchNorm {
  FileTensor gain, shift, mean, variance;
  double eps = 0;
};

// W'[o] = W[o] · gain[o] / √(variance[o] + eps), b'[o] = shift[o] − mean[o] · gain[o] / √(variance[o] + eps), in
// double. `weight` is [O, …]; the convolution has no bias of its own. Both are f32. Error{BadFile} when a shape does
// not fit or a variance + eps is not above 0, Error{Unsupported} when a tensor is not of a float dtype.
struct FoldedConvolution {
  DerivedTensor weight, bias;
};
FoldedConvolution fold_batch_norm(const FileTensor& weight, const BatchNorm& norm);

}  // namespace newbie
