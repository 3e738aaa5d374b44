#include "weights/quantised.h"

#include <algorithm>
#include <cmath>

#include "core/checked.h"
#include "core/float_formats.h"
#include "core/json.h"
#include "weights/combine.h"

namespace newbie {

namespace {

// All values of a small float tensor, now.
std::vector<float> values_of(const FileTensor& tensor) {
  std::vector<float> values(static_cast<size_t>(tensor.spec().shape.elements()));
  tensor.read(0, values);
  tensor.file->check_intact();
  return values;
}

std::vector<float> finite_values_of(const FileTensor& tensor) {
  std::vector<float> values = values_of(tensor);
  for (const float value : values)
    if (!std::isfinite(value)) fail(ErrorKind::BadFile, "{}: expected finite scales, got {}", tensor.where(), value);
  return values;
}

struct MatrixSize {
  size_t rows, columns;
};
MatrixSize matrix_size(const FileTensor& tensor, const char* expected) {
  const auto& shape = tensor.entry->shape;
  if (shape.size() != 2 || shape[0] < 1 || shape[1] < 1)
    fail(ErrorKind::BadFile, "{}: expected {}, got {} axes", tensor.where(), expected, shape.size());
  return {static_cast<size_t>(shape[0]), static_cast<size_t>(shape[1])};
}

// How many rows and columns share a scale: all, one row, or a tile.
struct Tile {
  size_t rows, columns;  // of a tile
  size_t across;         // tiles side by side
};
Tile tile_of(const Shape& weight, const FileTensor& scale) {
  const Shape shape = scale.spec().shape;
  const bool is_matrix = weight.rank() == 2 && weight.elements() != 0;
  const size_t rows = is_matrix ? static_cast<size_t>(weight[0]) : 1;
  const size_t columns = is_matrix ? static_cast<size_t>(weight[1]) : std::max<size_t>(weight.elements(), 1);
  if (shape.elements() == 1) return {rows, columns, 1};
  if (is_matrix && (shape.rank() == 1 || shape.rank() == 2)) {
    const auto down = static_cast<size_t>(shape[0]);
    const size_t across = shape.rank() == 2 ? static_cast<size_t>(shape[1]) : 1;
    const bool is_of_nothing = shape.rank() == 1 && down != rows;  // a list is of rows, or of nothing that is known
    if (!is_of_nothing && down != 0 && across != 0 && rows % down == 0 && columns % across == 0)
      return {rows / down, columns / across, across};
  }
  fail_with_hint(ErrorKind::Unsupported, "a scale for all, for each row or for tiles is read",
                 "{}: expected a scale that fits a weight of shape {}, got {}", scale.where(), weight.str(),
                 shape.str());
}

// Reads elements of a weight however its bytes are to be taken.
using ReadPart = std::function<void(size_t first, std::span<float> out)>;
ReadPart reader_of(const FileTensor& weight, std::optional<DType> bytes_as) {
  const DType stored = weight.spec().dtype;
  if (weight.entry->blocks != nullptr || is_float(stored))
    return [weight](size_t first, std::span<float> out) { weight.read(first, out); };
  if (stored == DType::I8)
    return [data = weight.bytes().data()](size_t first, std::span<float> out) {
      for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(std::to_integer<int8_t>(data[first + i]));
    };
  if (stored == DType::U8 && bytes_as && is_f8(*bytes_as))
    return [data = weight.bytes().data(), as = *bytes_as](size_t first, std::span<float> out) {
      convert(as, data + first, DType::F32, reinterpret_cast<std::byte*>(out.data()), out.size());
    };
  fail(ErrorKind::Unsupported, "{}: expected a float dtype, got {}", weight.where(), to_string(stored));
}

// What it would be stored as: 8-bit floats stay what they are, everything else that is narrow becomes BF16.
TensorSpec widened_spec(const FileTensor& weight) {
  TensorSpec spec = weight.spec();
  if (!is_float(spec.dtype)) spec.dtype = DType::BF16;
  return spec;
}

// Where the scale of [row, column] lies: tiles of 128 rows and 4 columns, each of 512 bytes (spec: files beyond GGUF).
size_t swizzled(size_t row, size_t column, size_t columns) {
  const size_t across = (columns + 3) / 4;
  return ((row / 128) * across + column / 4) * 512 + (row % 32) * 16 + (row % 128 / 32) * 4 + column % 4;
}
void require_swizzled(const FileTensor& scale, size_t rows, size_t columns) {
  const size_t bytes = checked_mul(checked_mul((rows + 127) / 128, (columns + 3) / 4), 512);
  if (scale.bytes().size() != bytes)
    fail(ErrorKind::BadFile, "{}: expected {} bytes of scales for {} rows of {} groups, got {}", scale.where(), bytes,
         rows, columns, scale.bytes().size());
}

// The smallest number of elements whose fill is shared: `fill_group(group, values)` gives a whole group, and any cut is
// taken out of groups.
template <typename FillGroup>
void fill_by_groups(size_t group, size_t first, std::span<float> out, FillGroup fill_group) {
  std::vector<float> whole(group);
  while (!out.empty()) {
    const size_t skip = first % group, count = std::min(out.size(), group - skip);
    if (count == group) {
      fill_group(first / group, out.first(group));
    } else {
      fill_group(first / group, std::span<float>(whole));
      std::copy_n(whole.begin() + static_cast<std::ptrdiff_t>(skip), count, out.begin());
    }
    first += count;
    out = out.subspan(count);
  }
}

// Times the Kronecker power of [[1,1,1,−1],[1,1,−1,1],[1,−1,1,1],[−1,1,1,1]] over 2: a sum less twice the opposite.
void rotate(std::span<float> x) {
  for (size_t stride = 1; stride < x.size(); stride *= 4)
    for (size_t block = 0; block < x.size(); block += 4 * stride)
      for (size_t i = block; i < block + stride; ++i) {
        float* const v = x.data() + i;
        const float a = v[0], b = v[stride], c = v[2 * stride], d = v[3 * stride];
        v[0] = 0.5F * (a + b + c - d);
        v[stride] = 0.5F * (a + b - c + d);
        v[2 * stride] = 0.5F * (a - b + c + d);
        v[3 * stride] = 0.5F * (b - a + c + d);
      }
}

size_t state_number(const Json& state, const char* key, const std::string& where) {
  const auto found = state.find(key);
  if (found == state.end()) fail(ErrorKind::BadFile, "{}: expected {} in its quant_state, got none", where, key);
  const auto number = whole_number<int64_t>(*found, where + ": " + key);
  if (number < 1) fail(ErrorKind::BadFile, "{}: expected {} of at least 1, got {}", where, key, number);
  return static_cast<size_t>(number);
}

Shape state_shape(const Json& state, const std::string& where) {
  const auto found = state.find("shape");
  if (found == state.end() || !found->is_array() || found->empty() || found->size() > 2)
    fail(ErrorKind::BadFile, "{}: expected the shape of a matrix in its quant_state", where);
  std::vector<int64_t> extents;
  for (const Json& extent : *found) extents.push_back(whole_number<int64_t>(extent, where + ": shape"));
  int64_t count = 1;
  for (const int64_t extent : extents)
    if (extent < 1 || __builtin_mul_overflow(count, extent, &count))
      fail(ErrorKind::BadFile, "{}: expected a shape that fits 63 bits in its quant_state", where);
  return Shape(std::span<const int64_t>(extents));
}

// The scale of each block, nested or not.
std::vector<float> block_scales(const CodebookParts& parts, const Json& state) {
  if (parts.nested_scale == nullptr) return finite_values_of(parts.scale);
  const std::string where = parts.scale.where();
  const std::vector<float> scales = finite_values_of(*parts.nested_scale),
                           table = finite_values_of(*parts.nested_table);
  const size_t block = state_number(state, "nested_blocksize", where);
  const auto offset = state.find("nested_offset");
  const std::span<const std::byte> bytes = parts.scale.bytes();
  if (table.size() != 256 || (bytes.size() + block - 1) / block > scales.size() || offset == state.end() ||
      !offset->is_number())
    fail(ErrorKind::BadFile, "{}: expected a table of 256, a scale for each {} of {} blocks and an offset", where,
         block, bytes.size());
  std::vector<float> out;
  for (size_t i = 0; i < bytes.size(); ++i)
    out.push_back(table[std::to_integer<size_t>(bytes[i])] * scales[i / block] + offset->get<float>());
  parts.scale.file->check_intact();
  return out;
}

}  // namespace

DerivedTensor stored_as(const FileTensor& weight, std::optional<DType> bytes_as) {
  return {.spec = widened_spec(weight), .fill = reader_of(weight, bytes_as), .sources = {weight}};
}

DerivedTensor scaled_tensor(const FileTensor& weight, const FileTensor& scale, std::optional<DType> bytes_as) {
  DerivedTensor result = stored_as(weight, bytes_as);
  const Tile tile = tile_of(result.spec.shape, scale);
  const size_t columns = tile.columns * tile.across;
  const auto fill = [stored = std::move(result.fill), factors = finite_values_of(scale), tile, columns](
                        size_t first, std::span<float> out) {
    stored(first, out);
    for (size_t i = 0; i < out.size();) {  // a stretch of one scale after the other
      const size_t row = (first + i) / columns, column = (first + i) % columns;
      const size_t stretch = factors.size() == 1 ? out.size() : tile.columns - column % tile.columns;
      const float factor =
          factors.size() == 1 ? factors[0] : factors[row / tile.rows * tile.across + column / tile.columns];
      for (const size_t end = std::min(out.size(), i + stretch); i < end; ++i) out[i] *= factor;
    }
  };
  result.fill = fill;
  result.sources.push_back(scale);
  return result;
}

DerivedTensor rotated(DerivedTensor weight, size_t group) {
  const Shape& shape = weight.spec.shape;
  if (shape.rank() != 2 || shape[1] % static_cast<int64_t>(group) != 0) return weight;
  weight.fill = [stored = std::move(weight.fill), group](size_t first, std::span<float> out) {
    fill_by_groups(group, first, out, [&](size_t index, std::span<float> values) {
      stored(index * group, values);
      rotate(values);
    });
  };
  return weight;
}

DerivedTensor times_columns(DerivedTensor weight, const FileTensor& values) {
  const Shape& shape = weight.spec.shape;
  std::vector<float> factors = finite_values_of(values);
  if (shape.rank() != 2 || factors.size() != static_cast<size_t>(shape[1]))
    fail(ErrorKind::BadFile, "{}: expected one value for each column of {}, got {}", values.where(), shape.str(),
         factors.size());
  weight.fill = [stored = std::move(weight.fill), factors = std::move(factors)](size_t first, std::span<float> out) {
    stored(first, out);
    for (size_t i = 0; i < out.size(); ++i) out[i] *= factors[(first + i) % factors.size()];
  };
  weight.sources.push_back(values);
  return weight;
}

DerivedTensor nvfp4_tensor(const FileTensor& weight, const FileTensor& scale, const FileTensor& second_scale) {
  constexpr size_t kGroup = 16;
  static constexpr float kE2m1[] = {0, 0.5F, 1, 1.5F, 2, 3, 4, 6, 0, -0.5F, -1, -1.5F, -2, -3, -4, -6};
  const auto [rows, bytes] = matrix_size(weight, "[rows, columns / 2]");
  const size_t columns = checked_mul(bytes, 2), groups = columns / kGroup;
  if (weight.entry->dtype != DType::U8 || columns % kGroup != 0)
    fail(ErrorKind::BadFile, "{}: expected bytes of whole groups of {} columns, got {} of {}", weight.where(), kGroup,
         weight.entry->dtype_name, columns);
  require_swizzled(scale, rows, groups);
  const std::vector<float> whole = finite_values_of(second_scale);
  if (whole.size() != 1)
    fail(ErrorKind::BadFile, "{}: expected one number, got {}", second_scale.where(), whole.size());
  const auto fill = [data = weight.bytes().data(), scales = scale.bytes().data(), groups, factor = whole[0]](
                        size_t first, std::span<float> out) {
    fill_by_groups(kGroup, first, out, [&](size_t index, std::span<float> values) {
      const auto bits = std::to_integer<uint8_t>(scales[swizzled(index / groups, index % groups, groups)]);
      const float step = factor * to_float(f8_e4m3_t{bits});
      for (size_t i = 0; i < kGroup; ++i) {
        const auto pair = std::to_integer<size_t>(data[(index * kGroup + i) / 2]);
        values[i] = kE2m1[i % 2 == 0 ? pair >> 4 : pair & 15] * step;
      }
    });
  };
  return {.spec = {{static_cast<int64_t>(rows), static_cast<int64_t>(columns)}, DType::BF16},
          .fill = fill,
          .sources = {weight, scale, second_scale}};
}

DerivedTensor mxfp8_tensor(const FileTensor& weight, const FileTensor& scale) {
  constexpr size_t kGroup = 32;
  const auto [rows, columns] = matrix_size(weight, "[rows, columns]");
  const size_t groups = columns / kGroup;
  if (columns % kGroup != 0)
    fail(ErrorKind::BadFile, "{}: expected whole groups of {} columns, got {}", weight.where(), kGroup, columns);
  require_swizzled(scale, rows, groups);
  const auto fill = [stored = reader_of(weight, DType::F8E4M3), scales = scale.bytes().data(), groups](
                        size_t first, std::span<float> out) {
    fill_by_groups(kGroup, first, out, [&](size_t index, std::span<float> values) {
      stored(index * kGroup, values);
      const int e = std::to_integer<int>(scales[swizzled(index / groups, index % groups, groups)]);
      const float step = std::ldexp(1.0F, e - 127);
      for (float& value : values) value *= step;
    });
  };
  return {.spec = {{static_cast<int64_t>(rows), static_cast<int64_t>(columns)}, DType::BF16},
          .fill = fill,
          .sources = {weight, scale}};
}

DerivedTensor codebook_tensor(const CodebookParts& parts, const std::string& state_text) {
  const std::string where = parts.weight.where();
  const Json state = parse_json(state_text, where);
  if (!state.is_object()) fail(ErrorKind::BadFile, "{}: expected an object as quant_state", where);
  const Shape shape = state_shape(state, where);
  const size_t block = state_number(state, "blocksize", where), count = shape.elements();
  const std::vector<float> table = finite_values_of(parts.table), scales = block_scales(parts, state);
  if (table.size() != 16 || parts.weight.bytes().size() != (count + 1) / 2 || scales.size() != (count - 1) / block + 1)
    fail(ErrorKind::BadFile, "{}: expected {} bytes, a table of 16 and {} scales, got {}, {} and {}", where,
         (count + 1) / 2, (count - 1) / block + 1, parts.weight.bytes().size(), table.size(), scales.size());
  const auto fill = [data = parts.weight.bytes().data(), table, scales, block](size_t first, std::span<float> out) {
    for (size_t i = 0; i < out.size(); ++i) {
      const size_t at = first + i;
      const auto pair = std::to_integer<size_t>(data[at / 2]);
      out[i] = table[at % 2 == 0 ? pair >> 4 : pair & 15] * scales[at / block];
    }
  };
  DerivedTensor result{.spec = {shape, DType::BF16}, .fill = fill, .sources = {parts.weight, parts.scale, parts.table}};
  for (const FileTensor* nested : {parts.nested_scale, parts.nested_table})
    if (nested != nullptr) result.sources.push_back(*nested);
  return result;
}

}  // namespace newbie
