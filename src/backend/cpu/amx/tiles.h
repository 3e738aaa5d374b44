// Intel's AMX: eight registers that each hold a tile of 16 rows of 64 bytes, and one instruction that multiplies two.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/dtype.h"

namespace newbie::cpu::amx {

inline constexpr int64_t kTileRows = 16;     // of an operand and of a product
inline constexpr int64_t kTileColumns = 16;  // of a product, in f32
inline constexpr int64_t kTileDepth = 32;    // bf16 values of one row of an operand
inline constexpr int64_t kTileBytes = 1024;

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

// `steps` times two tiles of each operand, one after another, and their product.
struct Product {
  const std::byte* a;  // tiles of 16 rows of 32 values; the second tile of a step has the next 16 rows
  const std::byte* b;  // tiles of 16 rows of 16 pairs: row r, pair c holds values 2r and 2r + 1 of column c; the second
                       // tile of a step has the next 16 columns
  int64_t steps;       // at least 1
  float* products;     // row-major, 32 columns wide
  int64_t stride;      // of the products' rows, in floats: a multiple of 16
  bool add;            // to what `products` holds
  struct {
    const std::byte *begin, *end;
  } next;  // brought into the cache meanwhile; may be empty
};
// Sums are f32, in the order of the steps; subnormal values count as zero, as the instruction has it. All addresses are
// aligned to 64.
void multiply_pair(const Product& p);    // 32 x 32
void multiply_single(const Product& p);  // 16 x 32: one tile of `a` a step

// Copies rows of bf16, `stride` values apart, into the order of `a`: `rows` <= 32 of `depth` values; what is missing to
// whole tiles is zero. `tiles`: 1 for at most 16 rows, or 2.
void pack_rows(const std::byte* rows_data, int64_t stride, int64_t rows, int64_t depth, int tiles, std::byte* out);

// Packs a matrix [n, k] (values of a row side by side, rows `stride` values apart) into the order of `b` for products
// with its transpose: 32 of its rows are the columns of a panel, and a panel's steps go through k. What is missing to
// whole tiles is zero. One panel: `count` <= 32 rows.
void pack_columns(const std::byte* rows_data, int64_t stride, int64_t count, int64_t depth, std::byte* out);

// Packs 32 columns of a matrix [depth, n] into the order of `b`: `count` <= 32 columns from `data` on, zeros beyond.
void pack_panel(const std::byte* data, int64_t stride, int64_t depth, int64_t count, std::byte* out);

// Copies `rows` x `columns` products, `products_stride` floats apart, to row-major `out`, `stride` values apart:
// product · factors[row] + bias[column], rounded to `dtype` (F32 or BF16). `factors` and `bias` may be null.
struct Products {
  const float* values;
  int64_t stride;
  int64_t rows, columns;
};
void store_products(const Products& products, const float* factors, const float* bias, DType dtype, std::byte* out,
                    int64_t stride);

}  // namespace newbie::cpu::amx
