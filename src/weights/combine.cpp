#include "weights/combine.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "core/checked.h"
#include "core/float_formats.h"

namespace newbie {

DerivedTensor stored_tensor(const FileTensor& tensor) {
  const TensorSpec spec = tensor.spec();
  if (!is_float(spec.dtype))
    fail(ErrorKind::Unsupported, "{}: expected a float dtype, got {}", tensor.where(), to_string(spec.dtype));
  const auto fill = [dtype = spec.dtype, data = tensor.bytes().data()](size_t first, std::span<float> out) {
    convert(dtype, data + first * size_of(dtype), DType::F32, reinterpret_cast<std::byte*>(out.data()), out.size());
  };
  return {.spec = spec, .fill = fill, .sources = {tensor}};
}

DerivedTensor scaled_tensor(const FileTensor& weight, const FileTensor& scale) {
  const DerivedTensor one = stored_tensor(scale);
  if (one.spec.shape.elements() != 1)
    fail_with_hint(ErrorKind::Unsupported, "only one scale a weight is known",
                   "{}: expected one number, got a scale of shape {}", scale.where(), one.spec.shape.str());
  float factor = 0;
  one.fill(0, {&factor, 1});
  scale.file->check_intact();
  if (!std::isfinite(factor)) fail(ErrorKind::BadFile, "{}: expected a finite scale, got {}", scale.where(), factor);

  DerivedTensor result = stored_tensor(weight);
  result.fill = [stored = std::move(result.fill), factor](size_t first, std::span<float> out) {
    stored(first, out);
    for (float& value : out) value *= factor;
  };
  result.sources.push_back(scale);
  return result;
}

DerivedTensor join_rows(std::vector<DerivedTensor> pieces) {
  if (pieces.empty()) fail(ErrorKind::BadFile, "expected pieces of a matrix, got none");
  DerivedTensor result;
  int64_t rows = 0;
  result.spec.dtype = pieces.front().spec.dtype;
  for (const DerivedTensor& piece : pieces) {
    const Shape& shape = piece.spec.shape;
    const Shape& first = pieces.front().spec.shape;
    if (shape.rank() != 2 || first.rank() != 2 || shape[1] != first[1])
      fail(ErrorKind::BadFile, "{}: expected rows to follow {} of {}, got {}", piece.sources.front().where(),
           first.str(), pieces.front().sources.front().where(), shape.str());
    if (__builtin_add_overflow(rows, shape[0], &rows))
      fail(ErrorKind::BadFile, "{}: too many rows", piece.sources.front().where());
    if (size_of(piece.spec.dtype) > size_of(result.spec.dtype)) result.spec.dtype = piece.spec.dtype;
    std::copy(piece.sources.begin(), piece.sources.end(), std::back_inserter(result.sources));
  }
  result.spec.shape = Shape{rows, pieces.front().spec.shape[1]};
  result.fill = [pieces = std::move(pieces)](size_t first, std::span<float> out) {
    size_t begin = 0;
    for (const DerivedTensor& piece : pieces) {
      const size_t count = piece.spec.shape.elements();
      if (out.empty()) return;
      if (first < begin + count) {
        const size_t taken = std::min(out.size(), begin + count - first);
        piece.fill(first - begin, out.first(taken));
        out = out.subspan(taken);
        first += taken;
      }
      begin += count;
    }
  };
  return result;
}

}  // namespace newbie
