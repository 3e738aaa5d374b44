// How the reference kernels see numbers: any float tensor is read as doubles and written rounded, so that one loop
// serves every dtype. All rounding of the reference backend happens here.
#pragma once

#include "core/tensor.h"

namespace newbie::reference {

// F32, BF16 or F16: what read() and write() understand.
bool is_readable(DType dtype);

// Elements [first, first + count) of `view`.
void read(const ConstTensorView& view, size_t first, size_t count, double* out);

// The same, going round at the end of `view`: one row serves every row of another tensor.
void read_cyclic(const ConstTensorView& view, size_t first, size_t count, double* out);

// Rounds to f32, then to the dtype of `view`, each to nearest even: as a kernel with f32 accumulators does.
void write(const TensorView& view, size_t first, size_t count, const double* values);

// The value that a tensor of `dtype` would hold for x.
double rounded(DType dtype, double x);

// How values inside an op are kept (OpPrecision::accumulate): as the loops' doubles for F32, else rounded after every
// step. Sums, products, quotients and roots of f16 or bf16 numbers are then those of one rounding: f32, which they pass
// through, has more than twice their digits.
class Inside {
 public:
  Inside() = default;
  explicit Inside(DType dtype) : dtype_(dtype) {}
  bool exact() const { return dtype_ == DType::F32; }
  double operator()(double x) const { return exact() ? x : rounded(dtype_, x); }

 private:
  DType dtype_ = DType::F32;
};

}  // namespace newbie::reference
