// linear on AMX tiles, of bf16 or of 8-bit numbers: blocks of rows times blocks of columns. The rows are packed as
// tiles first. A block then goes through the depth in slices, so that what it reads again and again (a slice of its
// rows, one panel of the weight, its sums) stays in the core's cache.
#include <algorithm>
#include <vector>

#include "backend/cpu/amx/kernels.h"
#include "backend/cpu/amx/tiles.h"
#include "backend/cpu/kernels/quantise.h"
#include "core/checked.h"
#include "core/quantise.h"

namespace newbie::cpu {

namespace {

using namespace amx;

constexpr int64_t kPair = 2 * kTileRows;       // rows and columns of one product
constexpr size_t kStepBytes = 2 * kTileBytes;  // of an operand
constexpr int64_t kPairFloats = kPair * kPair;

// docs/speed.md: larger blocks of rows and columns read less from memory, but their sums (492 KB) and two slices of
// their rows (246 KB each) must stay in the second cache.
constexpr int64_t kBlockRows = 320, kBlockColumns = 384;
constexpr size_t kLargeResult = size_t{4} << 20;  // more than the next op finds in a core's cache
constexpr int64_t kEnoughTasks = 16;              // for a small layer, keep a few cores busy

// Weight [N, K] as panels of 32 columns, each a run of steps; of 8-bit numbers the scales of all columns follow.
struct PackedWeight {
  int64_t n = 0, k = 0;
  Element element = Element::BF16;

  int64_t row_bytes() const { return element == Element::BF16 ? 2 * k : k; }
  int64_t panels() const { return ceil_div(n, kPair); }
  int64_t steps() const { return ceil_div(row_bytes(), kRowBytes); }
  size_t panel_bytes() const { return checked_mul(static_cast<size_t>(steps()), kStepBytes); }
  size_t scales_at() const { return checked_mul(static_cast<size_t>(panels()), panel_bytes()); }
  size_t bytes() const {
    if (element == Element::BF16) return scales_at();
    return checked_add(scales_at(), checked_mul(static_cast<size_t>(panels()), kPair * sizeof(float)));
  }
};

// `source` is bf16.
void pack(const PackedWeight& w, ConstTensorView source, std::byte* destination, ThreadPool& threads) {
  threads.run(w.panels(), [&](int64_t panel, int) {
    const int64_t count = std::min(kPair, w.n - panel * kPair);
    const std::byte* rows = source.data + static_cast<size_t>(panel * kPair * w.k) * 2;
    std::byte* out = destination + static_cast<size_t>(panel) * w.panel_bytes();
    if (w.element == Element::BF16) return pack_columns(rows, 2 * w.k, count, 2 * w.k, out);
    const int64_t stride = w.steps() * kRowBytes;
    std::vector<std::byte> numbers(static_cast<size_t>(kPair * stride));
    auto* scales = reinterpret_cast<float*>(destination + w.scales_at()) + panel * kPair;
    std::fill_n(scales, kPair, 0.0f);
    for (int64_t column = 0; column < count; ++column)
      scales[column] =
          quantise_row({rows + static_cast<size_t>(column * w.k) * 2, DType::BF16}, static_cast<size_t>(w.k),
                       static_cast<size_t>(w.k), NumberForm::Signed, &numbers[static_cast<size_t>(column * stride)]);
    pack_columns(numbers.data(), stride, count, w.k, out);
  });
}

// Rows and columns of a block: a function of the shape.
struct Block {
  int64_t rows, columns;
};
Block cut_blocks(int64_t m, int64_t n) {
  const auto part = [](int64_t whole, int64_t most) {  // equal parts of at most `most`, in whole pairs
    const int64_t parts = ceil_div(whole, most);
    return static_cast<int64_t>(round_up(static_cast<size_t>(ceil_div(whole, parts)), kPair));
  };
  Block b{part(m, kBlockRows), part(n, kBlockColumns)};
  while (ceil_div(m, b.rows) * ceil_div(n, b.columns) < kEnoughTasks && b.columns > kPair)
    b.columns = part(n, b.columns / 2);
  return b;
}

int tiles_of(int64_t rows) { return rows > kTileRows ? 2 : 1; }

template <Element element>
void multiply_tiles(const Product& product, int tiles) {
  tiles == 2 ? multiply_pair<element, Rows::Streamed>(product) : multiply_single<element>(product);
}

class Linear final : public HostKernel {
 public:
  explicit Linear(const KernelRequest& request)
      : rows_(request.inputs[0].shape.rows()),
        workers_(request.threads),
        result_(request.output.dtype),
        bias_(request.inputs.size() == 3),
        weight_{request.output.shape.last(), request.inputs[0].shape.last(),
                request.precision.compute == DType::I8 ? Element::I8 : Element::BF16},
        // Few rows read every panel once: in its own order, that is.
        slice_steps_(rows_ > kPair ? kSliceSteps : weight_.steps()),
        block_(cut_blocks(rows_, weight_.n)) {
    const auto pairs = static_cast<size_t>(ceil_div(rows_, kPair));
    packed_bytes_ = checked_mul(checked_mul(pairs, kStepBytes), static_cast<size_t>(weight_.steps()));
    const int64_t products = is_sliced() ? ceil_div(block_.rows, kPair) * ceil_div(block_.columns, kPair) : 1;
    sum_bytes_ = checked_mul(static_cast<size_t>(products), sizeof(float) * static_cast<size_t>(kPairFloats));
    if (weight_.element == Element::BF16) return;
    scale_bytes_ = pairs * kPair * sizeof(float);
  }

  size_t scratch_bytes() const override {
    return checked_add(packed_bytes_ + scale_bytes_, checked_mul(sum_bytes_, static_cast<size_t>(workers_)));
  }

  WeightLayout weight_layout(size_t input) const override {
    if (input != 1) return {};
    return {.key = weight_.element == Element::BF16 ? "amx.linear" : "amx.linear int8",
            .bytes = weight_.bytes(),
            .pack = [w = weight_](ConstTensorView source, std::byte* destination, ThreadPool& threads) {
              pack(w, source, destination, threads);
            }};
  }

  std::string name() const override { return weight_.element == Element::BF16 ? "amx.linear" : "amx.linear int8"; }

  void run(const KernelArgs& args) const override {
    if (args.threads.size() > workers_)
      fail(ErrorKind::Internal, "{}: made for {} threads, run with {}", name(), workers_, args.threads.size());
    args.threads.run(ceil_div(rows_, kPair), [&](int64_t pair, int) { pack_pair(args, pair); });
    // Neighbouring tasks share columns: all threads read the same part of the weight.
    const int64_t row_blocks = ceil_div(rows_, block_.rows);
    args.threads.run(row_blocks * ceil_div(weight_.n, block_.columns), [&](int64_t task, int worker) {
      run_block(args, task % row_blocks * block_.rows, task / row_blocks * block_.columns, worker);
    });
  }

 private:
  bool is_sliced() const { return weight_.steps() > slice_steps_; }
  int64_t steps_from(int64_t step) const { return std::min(slice_steps_, weight_.steps() - step); }

  // Packed rows: slice after slice, in each pair after pair, so that a block's share of a slice is one run of bytes.
  size_t packed_offset(int64_t step, int64_t pair) const {
    return static_cast<size_t>(step * ceil_div(rows_, kPair) + pair * steps_from(step)) * kStepBytes;
  }

  // Scratch: packed rows, their scales, then every worker's sums.
  float* row_scales(const KernelArgs& args) const { return reinterpret_cast<float*>(args.scratch + packed_bytes_); }
  float* sums(const KernelArgs& args, int worker) const {
    return reinterpret_cast<float*>(args.scratch + packed_bytes_ + scale_bytes_ +
                                    static_cast<size_t>(worker) * sum_bytes_);
  }

  void pack_pair(const KernelArgs& args, int64_t pair) const {
    const int64_t row = pair * kPair, count = std::min(kPair, rows_ - row), k = weight_.k;
    const std::byte* rows = args.inputs[0].data + static_cast<size_t>(row * k) * 2;
    float factors[kPair] = {};
    if (weight_.element == Element::I8) {
      largest_magnitudes(rows, k, count, k, factors);
      for (int64_t i = 0; i < count; ++i) {
        const Int8Scale scale(factors[i]);
        row_scales(args)[row + i] = scale.scale;
        factors[i] = scale.inverse;
      }
    }
    for (int64_t step = 0; step < weight_.steps(); step += slice_steps_) {
      const int64_t at = step * kRowBytes, bytes = std::min(slice_steps_ * kRowBytes, weight_.row_bytes() - at);
      std::byte* out = args.scratch + packed_offset(step, pair);
      if (weight_.element == Element::I8)
        pack_rounded_rows(rows + at * 2, k, count, bytes, factors, tiles_of(count), out);
      else
        pack_rows(rows + at, 2 * k, count, bytes, tiles_of(count), out);
    }
  }

  void run_block(const KernelArgs& args, int64_t row, int64_t column, int worker) const {
    const Tiles tiles;
    const int64_t pairs = ceil_div(std::min(block_.rows, rows_ - row), kPair);
    const int64_t columns = std::min(block_.columns, weight_.n - column);
    float* const block_sums = sums(args, worker);

    for (int64_t step = 0; step < weight_.steps(); step += slice_steps_)
      for (int64_t at = 0; at < columns; at += kPair)
        for (int64_t pair = 0; pair < pairs; ++pair)
          multiply(args, {row, column, pairs, columns}, step, pair, at, block_sums);
    fence_stores();
  }

  struct Place {
    int64_t row, column, pairs, columns;  // of a block

    // Its products follow one another panel by panel, and their sums lie in that order.
    int64_t products() const { return ceil_div(columns, kPair) * pairs; }
    int64_t index(int64_t pair, int64_t at) const { return at / kPair * pairs + pair; }
  };
  void multiply(const KernelArgs& args, const Place& block, int64_t step, int64_t pair, int64_t at, float* sums) const {
    const std::byte* panel = panel_of(args, block.column + at, step);
    const int64_t first = block.row + pair * kPair, count = std::min(kPair, rows_ - first);
    float* products = is_sliced() ? sums + block.index(pair, at) * kPairFloats : sums;
    const Product product{.a = args.scratch + packed_offset(step, first / kPair),
                          .b = panel,
                          .steps = steps_from(step),
                          .products = products,
                          .stride = kPair,
                          .add = step != 0,
                          .next = {next_panel(args, block, step, pair, at), next_rows(args, block, step, pair, at)},
                          .next_sums = next_sums(block, pair, at, sums)};
    weight_.element == Element::BF16 ? multiply_tiles<Element::BF16>(product, tiles_of(count))
                                     : multiply_tiles<Element::I8>(product, tiles_of(count));
    if (step + slice_steps_ < weight_.steps()) return;
    const int64_t column = block.column + at;
    Result result{.bias = bias_ ? args.inputs[2].as<float>() + column : nullptr,
                  .dtype = result_,
                  .out = args.output.data + static_cast<size_t>(first * weight_.n + column) * size_of(result_),
                  .stride = weight_.n,
                  .past_caches = args.output.spec.bytes() >= kLargeResult};
    if (weight_.element == Element::I8) {
      result.row_factors = row_scales(args) + first;
      result.column_factors = reinterpret_cast<const float*>(args.inputs[1].data + weight_.scales_at()) + column;
    }
    store_products({products, kPair, count, std::min(kPair, block.columns - at)}, result);
  }

  // The pair's share of what comes after this panel: the next one of the slice, or the first of the next slice.
  Product::Range next_panel(const KernelArgs& args, const Place& block, int64_t step, int64_t pair, int64_t at) const {
    const bool same_slice = at + kPair < block.columns;
    const int64_t next_step = same_slice ? step : step + slice_steps_;
    if (next_step >= weight_.steps()) return {};
    const std::byte* panel = panel_of(args, block.column + (same_slice ? at + kPair : 0), next_step);
    return share_of(panel, steps_from(next_step), pair, block.pairs);
  }
  // This product's share of the block's rows in the next slice.
  Product::Range next_rows(const KernelArgs& args, const Place& block, int64_t step, int64_t pair, int64_t at) const {
    const int64_t next_step = step + slice_steps_;
    if (next_step >= weight_.steps()) return {};
    const std::byte* rows = args.scratch + packed_offset(next_step, block.row / kPair);
    return share_of(rows, block.pairs * steps_from(next_step), block.index(pair, at), block.products());
  }
  // What the next product adds to; the block's first one comes after its last.
  Product::Range next_sums(const Place& block, int64_t pair, int64_t at, const float* sums) const {
    if (!is_sliced()) return {};
    const float* next = sums + (block.index(pair, at) + 1) % block.products() * kPairFloats;
    return {reinterpret_cast<const std::byte*>(next), reinterpret_cast<const std::byte*>(next + kPairFloats)};
  }
  static Product::Range share_of(const std::byte* data, int64_t steps, int64_t index, int64_t count) {
    const auto bytes = static_cast<int64_t>(static_cast<size_t>(steps) * kStepBytes);
    return {data + bytes * index / count, data + bytes * (index + 1) / count};
  }

  const std::byte* panel_of(const KernelArgs& args, int64_t column, int64_t step) const {
    return args.inputs[1].data + static_cast<size_t>(column / kPair) * weight_.panel_bytes() +
           static_cast<size_t>(step) * kStepBytes;
  }

  int64_t rows_;
  int workers_;
  DType result_;
  bool bias_;
  PackedWeight weight_;
  int64_t slice_steps_;
  Block block_;
  size_t packed_bytes_ = 0, scale_bytes_ = 0;  // of all rows
  size_t sum_bytes_ = 0;                       // of a worker
};

}  // namespace

std::shared_ptr<const HostKernel> make_amx_linear(const KernelRequest& request, std::string* why_not) {
  const DType result = request.output.dtype;
  if (!usable()) {
    *why_not = "this machine has no AMX that may be used";
    return nullptr;
  }
  const DType compute = request.precision.compute;
  if (request.inputs[0].dtype != DType::BF16 || request.inputs[1].dtype != DType::BF16 ||
      (compute != DType::BF16 && compute != DType::I8) || (result != DType::BF16 && result != DType::F32) ||
      (request.inputs.size() == 3 && request.inputs[2].dtype != DType::F32)) {
    *why_not = fmt::format(
        "x {}, weight {}, computed in {}, result {}: AMX multiplies bf16 operands, or makes 8-bit numbers of them",
        to_string(request.inputs[0].dtype), to_string(request.inputs[1].dtype), to_string(compute), to_string(result));
    return nullptr;
  }
  if (request.output.shape.elements() == 0 || request.inputs[0].shape.last() == 0) {
    *why_not = "nothing to multiply";
    return nullptr;
  }
  constexpr int64_t kWidest = int64_t{1} << 16;  // i32 sums of 8-bit products are exact, and gathers reach 16 rows
  if (request.inputs[0].shape.last() > kWidest) {
    *why_not = fmt::format("rows of {} values are too wide", request.inputs[0].shape.last());
    return nullptr;
  }
  return std::make_shared<Linear>(request);
}

}  // namespace newbie::cpu
