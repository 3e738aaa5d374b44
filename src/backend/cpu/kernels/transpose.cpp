// Squares of vectors of 16 bytes, which every machine has: rows are interleaved with their neighbours until what was a
// column lies in one vector.
#include "backend/cpu/kernels/transpose.h"

#include <algorithm>
#include <cstring>

namespace newbie::cpu {

namespace {

using Bits = uint16_t __attribute__((vector_size(16)));

Bits load(const std::byte* from) {
  Bits out;
  std::memcpy(&out, from, sizeof(out));
  return out;
}

// Lower and upper halves of two vectors, by elements of 16, 32 and 64 bits.
template <int bits>
Bits lower(Bits a, Bits b) {
  if constexpr (bits == 16) return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
  if constexpr (bits == 32) return __builtin_shufflevector(a, b, 0, 1, 8, 9, 2, 3, 10, 11);
  return __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11);
}
template <int bits>
Bits upper(Bits a, Bits b) {
  if constexpr (bits == 16) return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
  if constexpr (bits == 32) return __builtin_shufflevector(a, b, 4, 5, 12, 13, 6, 7, 14, 15);
  return __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15);
}

// Rows of `count` vectors: those that lie `distance` apart are interleaved, and the pair lies beside one another then.
template <int bits, int count>
void interleave(Bits (&rows)[count]) {
  constexpr int half = count / 2;
  Bits out[count];
  for (int i = 0; i < half; ++i) {
    out[2 * i] = lower<bits>(rows[i], rows[i + half]);
    out[2 * i + 1] = upper<bits>(rows[i], rows[i + half]);
  }
  for (int i = 0; i < count; ++i) rows[i] = out[i];
}

// A square of 16 bytes by as many rows as elements are in them.
template <typename Element>
void transpose_square(const std::byte* from, size_t from_bytes, std::byte* to, size_t to_bytes) {
  constexpr int kSide = 16 / sizeof(Element);
  Bits rows[kSide];
  for (int i = 0; i < kSide; ++i) rows[i] = load(from + static_cast<size_t>(i) * from_bytes);
  constexpr int kBits = 8 * sizeof(Element);
  for (int round = kSide; round > 1; round /= 2) interleave<kBits>(rows);
  for (int i = 0; i < kSide; ++i) std::memcpy(to + static_cast<size_t>(i) * to_bytes, &rows[i], sizeof(Bits));
}

template <typename Element>
void transpose_all(const std::byte* from, size_t from_stride, size_t rows, size_t columns, std::byte* to,
                   size_t to_stride) {
  constexpr size_t kSide = 16 / sizeof(Element), kLine = 64 / sizeof(Element);
  const size_t from_bytes = from_stride * sizeof(Element), to_bytes = to_stride * sizeof(Element);
  const size_t whole_rows = rows / kSide * kSide, whole_columns = columns / kSide * kSide;
  // As many rows as fill lines of the result; what comes next is fetched meanwhile: its rows lie far apart.
  for (size_t row = 0; row < whole_rows; row += kLine) {
    const size_t end = std::min(whole_rows, row + kLine);
    for (size_t next = end; next < std::min(whole_rows, end + kLine); ++next)
      for (size_t c = 0; c < columns; c += kLine) __builtin_prefetch(from + next * from_bytes + c * sizeof(Element));
    for (size_t c = 0; c < whole_columns; c += kSide)
      for (size_t r = row; r < end; r += kSide)
        transpose_square<Element>(from + r * from_bytes + c * sizeof(Element), from_bytes,
                                  to + c * to_bytes + r * sizeof(Element), to_bytes);
  }
  const auto copy = [&](size_t row, size_t column) {
    std::memcpy(to + column * to_bytes + row * sizeof(Element), from + row * from_bytes + column * sizeof(Element),
                sizeof(Element));
  };
  for (size_t row = 0; row < rows; ++row)
    for (size_t column = row < whole_rows ? whole_columns : 0; column < columns; ++column) copy(row, column);
}

}  // namespace

void transpose(DType dtype, const std::byte* from, int64_t from_stride, int64_t rows, int64_t columns, std::byte* to,
               int64_t to_stride) noexcept {
  const auto of = [](int64_t n) { return static_cast<size_t>(n); };
  if (size_of(dtype) == 2)
    transpose_all<uint16_t>(from, of(from_stride), of(rows), of(columns), to, of(to_stride));
  else
    transpose_all<uint32_t>(from, of(from_stride), of(rows), of(columns), to, of(to_stride));
}

}  // namespace newbie::cpu
