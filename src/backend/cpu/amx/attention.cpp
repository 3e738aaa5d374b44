// attention on AMX tiles: 32 queries walk over the keys in blocks. Scores by one product, their softmax with a running
// maximum, results by another product, so that scores stay in the core's cache and nothing of size S x T is held. The
// tiles' unit works beside the vector units: between the rows of one block's softmax stand the products of the blocks
// before and behind it.
#include "graph/ops/attention.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "backend/cpu/amx/kernels.h"
#include "backend/cpu/amx/softmax.h"
#include "backend/cpu/amx/tiles.h"
#include "core/checked.h"

namespace newbie::cpu {

namespace {

using namespace amx;

constexpr int64_t kRows = 2 * kTileRows;           // of a product; its columns are as many
constexpr size_t kStepBytes = 2 * kTileBytes;      // of an operand
constexpr int64_t kBlockKeys = 256;                // docs/speed.md: the scores of a block stay in the first cache
constexpr int64_t kScoreStride = kBlockKeys + 16;  // rows are apart by no multiple of a page: they share no cache sets

constexpr int64_t kGroupRows = 4;  // of a softmax between two products

int64_t whole_steps(int64_t depth) { return ceil_div(depth, kTileDepth); }

class Attention final : public HostKernel {
 public:
  explicit Attention(const KernelRequest& request)
      : queries_(request.inputs[0].shape[0]),
        keys_(request.inputs[1].shape[0]),
        heads_(request.attrs.integer("heads")),
        kv_heads_(request.attrs.integer("kv_heads")),
        d_(request.inputs[0].shape[1] / heads_),
        workers_(request.threads),
        result_(request.output.dtype),
        scale_(static_cast<float>(request.attrs.real("scale"))),
        causal_(request.attrs.integer("causal") != 0),
        window_(request.attrs.integer("window")) {
    const auto panels = static_cast<size_t>(key_panels()), steps = static_cast<size_t>(whole_steps(d_));
    head_bytes_ = checked_mul(checked_mul(panels, steps), kStepBytes);
    query_bytes_ = checked_mul(steps, kStepBytes);
    result_bytes_ = checked_mul(static_cast<size_t>(kRows * result_stride()), sizeof(float));
  }

  size_t scratch_bytes() const override {
    return checked_add(packed_bytes(), checked_mul(worker_bytes(), static_cast<size_t>(workers_)));
  }
  std::string name() const override { return "amx.attention"; }

  void run(const KernelArgs& args) const override {
    if (args.threads.size() > workers_)
      fail(ErrorKind::Internal, "{}: made for {} threads, run with {}", name(), workers_, args.threads.size());
    args.threads.run(kv_heads_ * key_panels(), [&](int64_t task, int) {
      pack_keys(args, task / key_panels(), task % key_panels());
      pack_values(args, task / key_panels(), task % key_panels());
    });
    // Neighbouring tasks share keys and values: they stay in the cache.
    const int64_t tiles = ceil_div(queries_, kRows);
    args.threads.run(heads_ * tiles,
                     [&](int64_t task, int worker) { run_tile(args, task / tiles, task % tiles * kRows, worker); });
  }

 private:
  // Keys lie in panels of 32, each with its steps through the width. Values lie in panels of 32 columns, each with its
  // steps through the keys: step i holds the same keys as panel i.
  int64_t key_panels() const { return ceil_div(keys_, kRows); }
  int64_t width_steps() const { return whole_steps(d_); }
  int64_t result_stride() const { return width_steps() * kTileDepth; }
  size_t packed_bytes() const { return checked_mul(2 * head_bytes_, static_cast<size_t>(kv_heads_)); }
  static constexpr size_t kScoreBytes = 2 * kRows * kScoreStride * sizeof(float);  // of two blocks

  static constexpr size_t kWeightBytes = kBlockKeys / kTileDepth * kStepBytes;
  size_t worker_bytes() const { return kScoreBytes + 2 * kWeightBytes + checked_add(query_bytes_, result_bytes_); }

  std::byte* packed_keys(const KernelArgs& args, int64_t head, int64_t panel) const {
    return args.scratch + static_cast<size_t>(head) * 2 * head_bytes_ +
           static_cast<size_t>(panel * width_steps()) * kStepBytes;
  }
  std::byte* packed_values(const KernelArgs& args, int64_t head, int64_t column_panel, int64_t key_panel) const {
    return args.scratch + (static_cast<size_t>(head) * 2 + 1) * head_bytes_ +
           static_cast<size_t>(column_panel * key_panels() + key_panel) * kStepBytes;
  }
  // Rows of an input from `row` on, of one head; rows are apart by all heads of it.
  const std::byte* rows_of(const KernelArgs& args, size_t input, int64_t row, int64_t head) const {
    const int64_t heads = input == 0 ? heads_ : kv_heads_;
    return args.inputs[input].data + static_cast<size_t>((row * heads + head) * d_) * 2;
  }

  void pack_keys(const KernelArgs& args, int64_t head, int64_t panel) const {
    const int64_t first = panel * kRows;
    pack_columns(rows_of(args, 1, first, head), kv_heads_ * d_ * 2, std::min(kRows, keys_ - first), d_ * 2,
                 packed_keys(args, head, panel));
  }
  void pack_values(const KernelArgs& args, int64_t head, int64_t panel) const {
    const int64_t first = panel * kRows, count = std::min(kRows, keys_ - first);
    for (int64_t columns = 0; columns < width_steps(); ++columns)
      pack_panel(rows_of(args, 2, first, head) + static_cast<size_t>(columns * kRows) * 2, kv_heads_ * d_, count,
                 std::min(kRows, d_ - columns * kRows), packed_values(args, head, columns, panel));
  }

  void run_tile(const KernelArgs& args, int64_t head, int64_t row, int worker) const {
    const Tiles tiles;
    std::byte* const share = args.scratch + packed_bytes() + static_cast<size_t>(worker) * worker_bytes();
    auto* const scores = reinterpret_cast<float*>(share);
    std::byte* const weights = share + kScoreBytes;
    std::byte* const queries = weights + 2 * kWeightBytes;
    auto* const results = reinterpret_cast<float*>(queries + query_bytes_);
    const int64_t rows = std::min(kRows, queries_ - row), kv_head = head / (heads_ / kv_heads_);

    KeyRange seen[kRows];
    KeyRange all{keys_, 0};
    for (int64_t i = 0; i < rows; ++i) {
      seen[i] = visible_keys(row + i, keys_, causal_, window_);
      all = {std::min(all.first, seen[i].first), std::max(all.last, seen[i].last)};
    }
    alignas(64) float maxima[kRows], sums[kRows] = {}, factors[kRows];
    std::fill(maxima, maxima + kRows, -std::numeric_limits<float>::infinity());

    pack_rows(rows_of(args, 0, row, head), heads_ * d_ * 2, rows, d_ * 2, 2, queries);
    std::memset(weights, 0, 2 * kWeightBytes);  // rows beyond `rows` stay zero
    const int64_t first_key = all.first / kRows * kRows, blocks = ceil_div(all.last - first_key, kBlockKeys);
    const auto key_of = [&](int64_t block) { return first_key + block * kBlockKeys; };
    const auto panels_of = [&](int64_t block) {
      return ceil_div(std::min(kBlockKeys, all.last - key_of(block)), kRows);
    };
    const auto scores_of = [&](int64_t block) { return scores + block % 2 * kRows * kScoreStride; };
    const auto weights_of = [&](int64_t block) { return weights + static_cast<size_t>(block % 2) * kWeightBytes; };

    const auto multiply_keys = [&](int64_t block, int64_t panel) {
      multiply_pair<Element::BF16>({.a = queries,
                                    .b = packed_keys(args, kv_head, key_of(block) / kRows + panel),
                                    .steps = width_steps(),
                                    .products = scores_of(block) + panel * kRows,
                                    .stride = kScoreStride,
                                    .add = false,
                                    .next = {}});
    };
    const auto multiply_values = [&](int64_t block, int64_t columns) {
      multiply_pair<Element::BF16>({.a = weights_of(block),
                                    .b = packed_values(args, kv_head, columns, key_of(block) / kRows),
                                    .steps = panels_of(block),
                                    .products = results + columns * kRows,
                                    .stride = result_stride(),
                                    .add = block > 0,
                                    .next = {}});
    };

    for (int64_t panel = 0; panel < panels_of(0); ++panel) multiply_keys(0, panel);
    for (int64_t block = 0; block < blocks; ++block) {
      const int64_t keys = panels_of(block) * kRows;
      int64_t first[kRows], last[kRows];
      for (int64_t i = 0; i < rows; ++i) {
        first[i] = std::clamp<int64_t>(seen[i].first - key_of(block), 0, keys);
        last[i] = std::clamp<int64_t>(seen[i].last - key_of(block), first[i], keys);
      }
      // Products that stand between groups of rows, the block's before first.
      const int64_t before = block > 0 ? width_steps() : 0, behind = block + 1 < blocks ? panels_of(block + 1) : 0;
      int64_t done = 0;
      for (int64_t i = 0; i < rows; i += kGroupRows) {
        const int64_t end = std::min(rows, i + kGroupRows);
        softmax_rows({.scores = scores_of(block),
                      .stride = kScoreStride,
                      .keys = keys,
                      .scale = scale_,
                      .first = first,
                      .last = last},
                     i, end, {maxima, sums}, factors, weights_of(block));
        for (; done < (before + behind) * end / rows; ++done) {
          if (done < before) {
            multiply_values(block - 1, done);
          } else {
            multiply_keys(block + 1, done - before);
          }
        }
      }
      if (block > 0) scale_rows(results, result_stride(), rows, result_stride(), factors);
    }
    for (int64_t columns = 0; columns < width_steps(); ++columns) multiply_values(blocks - 1, columns);
    for (int64_t i = 0; i < rows; ++i) factors[i] = 1.0f / sums[i];
    store_products({results, result_stride(), rows, d_},
                   {.row_factors = factors,
                    .dtype = result_,
                    .out = args.output.data + static_cast<size_t>((row * heads_ + head) * d_) * size_of(result_),
                    .stride = heads_ * d_});
  }

  int64_t queries_, keys_, heads_, kv_heads_, d_;
  int workers_;
  DType result_;
  float scale_;
  bool causal_;
  int64_t window_;
  size_t head_bytes_ = 0;                      // packed keys of one head; its values as many
  size_t query_bytes_ = 0, result_bytes_ = 0;  // of a worker
};

}  // namespace

std::shared_ptr<const HostKernel> make_amx_attention(const KernelRequest& request, std::string* why_not) {
  const DType result = request.output.dtype;
  if (!usable()) {
    *why_not = "this machine has no AMX that may be used";
    return nullptr;
  }
  const bool bf16 = std::all_of(request.inputs.begin(), request.inputs.end(),
                                [](const TensorSpec& input) { return input.dtype == DType::BF16; });
  if (!bf16 || request.precision.compute != DType::BF16 || (result != DType::BF16 && result != DType::F32)) {
    *why_not = fmt::format("q {}, computed in {}, result {}: AMX multiplies bf16 operands",
                           to_string(request.inputs[0].dtype), to_string(request.precision.compute), to_string(result));
    return nullptr;
  }
  if (request.attrs.real("scale") <= 0 || request.output.shape.elements() == 0 || request.inputs[1].shape[0] == 0) {
    *why_not = "nothing to attend to";
    return nullptr;
  }
  return std::make_shared<Attention>(request);
}

}  // namespace newbie::cpu
