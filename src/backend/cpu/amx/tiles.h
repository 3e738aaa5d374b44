// Intel's AMX: eight registers that each hold a tile of 16 rows of 64 bytes, and one instruction that multiplies two.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/dtype.h"

namespace newbie::cpu::amx {

inline constexpr int64_t kTileRows = 16;     // of an operand and of a product
inline constexpr int64_t kTileColumns = 16;  // of a product, in f32
inline constexpr int64_t kTileDepth = 32;    // bf16 values of one row of an operand
inline constexpr int64_t kRowBytes = 64;     // the same in bytes; of 8-bit numbers they are 64
inline constexpr int64_t kTileBytes = 1024;

// Steps of a large matrix at a time (docs/speed.md): a panel's are 24 KB, which stay in the first cache while rows
// stream by from the second.
inline constexpr int64_t kSliceSteps = 12;

enum class Element {
  BF16,  // sums are f32, in the order of the steps; subnormal values count as zero, as the instruction has it
  I8,    // sums are i32, exact
};

// Whether this machine has AMX for bf16, the system lets us use it, and nobody limited the instruction set
// (ONEDNN_MAX_CPU_ISA). Asks the system for permission the first time.
bool usable();

// While it lives, this thread's tile registers are shaped for multiply_pair. Nothing else may use them meanwhile.
class Tiles {
 public:
  Tiles();
  ~Tiles();
  Tiles(const Tiles&) = delete;
  Tiles& operator=(const Tiles&) = delete;
};

// Whether `a` comes from behind the first cache and leaves what is there alone: for one that would displace `b`.
enum class Rows { Cached, Streamed };

// `steps` times two tiles of each operand, one after another, and their product.
struct Product {
  const std::byte* a;  // tiles of 16 rows of 64 bytes; the second tile of a step has the next 16 rows
  const std::byte* b;  // tiles of 16 rows of 16 words of 32 bits: row r, word c holds bytes 4r to 4r + 3 of column c;
                       // the second tile of a step has the next 16 columns
  int64_t steps;       // at least 1
  float* products;     // row-major, 32 columns wide; of I8 they are i32
  int64_t stride;      // of the products' rows, in numbers: a multiple of 16
  bool add;            // to what `products` holds
  struct Range {
    const std::byte *begin, *end;
  };
  Range next[2];      // brought into the second cache meanwhile; may be empty
  Range next_sums{};  // brought into the first, where loading tiles does not wait for them
};
// All addresses are aligned to 64, but for those of ranges.
template <Element element, Rows rows = Rows::Cached>
void multiply_pair(const Product& p);  // 32 x 32
template <Element element>
void multiply_single(const Product& p);  // 16 x 32: one tile of `a` a step, Rows::Streamed

// Copies `rows` <= 32 rows of `bytes` bytes, `stride` bytes apart, into the order of `a`; what is missing to whole
// tiles is zero. `tiles`: 1 for at most 16 rows, or 2.
void pack_rows(const std::byte* rows_data, int64_t stride, int64_t rows, int64_t bytes, int tiles, std::byte* out);

// Largest magnitude of each of `rows` <= 32 rows of `width` bf16 values, `stride` values apart; infinity is the second
// largest there is and NaN the largest.
void largest_magnitudes(const std::byte* values, int64_t stride, int64_t rows, int64_t width, float* out);
// Rounds such rows, each value times its row's factor, to 8-bit numbers and packs them as pack_rows does. Products are
// at most 127 in magnitude; what is not finite becomes some number.
void pack_rounded_rows(const std::byte* values, int64_t stride, int64_t rows, int64_t width, const float* factors,
                       int tiles, std::byte* out);

// Packs `count` <= 32 rows of `bytes` bytes, `stride` bytes apart, into the order of `b`: they become the columns of a
// panel, and its steps go through their bytes. What is missing to whole tiles is zero.
void pack_columns(const std::byte* rows, int64_t stride, int64_t count, int64_t bytes, std::byte* out);

// Packs 32 columns of a bf16 matrix [depth, n] into the order of `b`: `count` <= 32 columns from `data` on, zeros
// beyond.
void pack_panel(const std::byte* data, int64_t stride, int64_t depth, int64_t count, std::byte* out);

// A block of products, `stride` numbers apart.
struct Products {
  const float* values;
  int64_t stride;
  int64_t rows, columns;
};
// What becomes of them: product · row_factors[row] · column_factors[column] + bias[column], rounded to `dtype` (F32 or
// BF16) and written to row-major `out`, `stride` values apart.
struct Result {
  const float* row_factors = nullptr;     // null: 1
  const float* column_factors = nullptr;  // null: products are f32; otherwise they are i32, of 8-bit numbers
  const float* bias = nullptr;            // null: 0
  DType dtype = DType::F32;
  std::byte* out = nullptr;
  int64_t stride = 0;
  // Write whole lines of 64 bytes, where they are aligned, to memory without reading them first; a fence_stores() has
  // to come before anyone else reads them.
  bool past_caches = false;
};
void store_products(const Products& products, const Result& result);
void fence_stores();

}  // namespace newbie::cpu::amx
