#include "weights/low_rank_merge.h"

#include <algorithm>

namespace newbie {

namespace {

// A float matrix where it lies in a file: adapter 0 of [adapters, rows, columns], or the whole of [rows, columns].
struct Matrix {
  FileTensor tensor;
  size_t rows, columns;

  void read(size_t first, std::span<float> out) const { tensor.read(first, out); }
};

Matrix matrix(const FileTensor& tensor, int rank, const char* expected) {
  const TensorSpec spec = tensor.spec();
  if (!is_float(spec.dtype))
    fail(ErrorKind::Unsupported, "{}: expected a float dtype, got {}", tensor.where(), to_string(spec.dtype));
  if (spec.shape.rank() != rank || spec.shape.elements() == 0)
    fail(ErrorKind::BadFile, "{}: expected {}, got {}", tensor.where(), expected, spec.shape.str());
  return {tensor, static_cast<size_t>(spec.shape[-2]), static_cast<size_t>(spec.shape[-1])};
}

}  // namespace

DerivedTensor low_rank_merge(const FileTensor& base, const FileTensor& a, const FileTensor& b, LowRankKind kind,
                             float scale) {
  const bool linear = kind == LowRankKind::Linear;
  const FileTensor& left_tensor = linear ? b : a;
  const FileTensor& right_tensor = linear ? a : b;
  const Matrix weight = matrix(base, 2, "[rows, columns]");
  const Matrix left = matrix(left_tensor, 3, "[adapters, rows, rank]");
  const Matrix right = matrix(right_tensor, 3, "[adapters, rank, columns]");
  if (left.rows != weight.rows)
    fail(ErrorKind::BadFile, "{}: expected {} rows as in {}, got {}", left_tensor.where(), weight.rows, base.where(),
         left_tensor.spec().shape.str());
  if (right.columns != weight.columns)
    fail(ErrorKind::BadFile, "{}: expected {} columns as in {}, got {}", right_tensor.where(), weight.columns,
         base.where(), right_tensor.spec().shape.str());
  if (left.columns != right.rows)
    fail(ErrorKind::BadFile, "{}: expected rank {} as in {}, got {}", left_tensor.where(), right.rows,
         right_tensor.where(), left_tensor.spec().shape.str());

  const auto fill = [weight, left, right, scale](size_t first, std::span<float> out) {
    const size_t rank = right.rows;
    std::vector<float> factors(rank * right.columns);
    std::vector<float> row_factors(rank);
    std::vector<float> delta(std::min(out.size(), weight.columns));
    right.read(0, factors);
    weight.read(first, out);
    while (!out.empty()) {
      const size_t row = first / weight.columns;
      const size_t column = first % weight.columns;
      const size_t count = std::min(out.size(), weight.columns - column);
      left.read(row * rank, row_factors);
      std::fill_n(delta.begin(), count, 0.0F);
      for (size_t k = 0; k < rank; ++k)
        for (size_t i = 0; i < count; ++i) delta[i] += row_factors[k] * factors[k * weight.columns + column + i];
      for (size_t i = 0; i < count; ++i) out[i] += scale * delta[i];
      first += count;
      out = out.subspan(count);
    }
  };
  return {.spec = base.spec(), .fill = fill, .sources = {base, a, b}};
}

}  // namespace newbie
