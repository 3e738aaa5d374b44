#include "weights/combine.h"

#include <algorithm>
#include <iterator>

#include "core/checked.h"

namespace newbie {

DerivedTensor stored_tensor(const FileTensor& tensor) {
  const TensorSpec spec = tensor.spec();
  if (!is_float(spec.dtype))
    fail(ErrorKind::Unsupported, "{}: expected a float dtype, got {}", tensor.where(), to_string(spec.dtype));
  return {.spec = spec,
          .fill = [tensor](size_t first, std::span<float> out) { tensor.read(first, out); },
          .sources = {tensor}};
}

DerivedTensor minus_one(DerivedTensor tensor) {
  tensor.spec.dtype = DType::F32;
  tensor.fill = [stored = std::move(tensor.fill)](size_t first, std::span<float> out) {
    stored(first, out);
    for (float& value : out) value -= 1.0F;
  };
  return tensor;
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
