// attention as tiles of query rows: scores by one matmul, softmax in f32 where they lie, values by another. Keys and
// values are packed once a head, into scratch, before the tiles start.
#include "graph/ops/attention.h"

#include <algorithm>
#include <cstring>

#include "backend/cpu/kernels/matmul.h"
#include "backend/cpu/kernels/softmax_rows.h"
#include "backend/cpu/onednn/kernels.h"
#include "backend/cpu/onednn/primitive.h"
#include "core/checked.h"
#include "core/float_formats.h"

namespace newbie::cpu {

namespace {

using namespace onednn;
using dnnl::memory;
using MatmulDesc = dnnl::matmul::primitive_desc;

constexpr int64_t kTileScores = 256 * 1024;  // of one tile: 1 MB, with the packed keys and values about a core's cache
constexpr int64_t kEnoughTasks = 16;         // for a small picture, keep a few cores busy

// Rows of a tile: a function of the shape.
int64_t rows_per_tile(int64_t queries, int64_t keys, int64_t heads) {
  int64_t rows = std::clamp<int64_t>(kTileScores / keys / 16 * 16, 32, 128);
  while (rows > 32 && heads * ceil_div(queries, rows) < kEnoughTasks) rows -= 16;
  return std::min(queries, rows);
}

class Attention final : public HostKernel {
 public:
  explicit Attention(const KernelRequest& request)
      : queries_(request.inputs[0].shape[0]),
        keys_(request.inputs[1].shape[0]),
        heads_(request.attrs.integer("heads")),
        kv_heads_(request.attrs.integer("kv_heads")),
        d_(request.inputs[0].shape[1] / heads_),
        tile_rows_(rows_per_tile(queries_, keys_, heads_)),
        workers_(request.threads),
        dtype_(request.inputs[0].dtype),
        factor_(multiplied_as(dtype_)),
        scale_(static_cast<float>(request.attrs.real("scale"))),
        causal_(request.attrs.integer("causal") != 0),
        window_(request.attrs.integer("window")),
        round_to_f16_(request.precision.compute == DType::F16),
        primitives_(workers_) {
    // What every tile shares is laid out as the widest tile wants it.
    const auto any = [&](int64_t rows, int64_t columns) {
      return memory::desc({rows, columns}, data_type(factor_), memory::format_tag::any);
    };
    const memory::desc keys = score_desc(tile_rows_, any(d_, keys_)).weights_desc();
    const memory::desc values = value_desc(tile_rows_, any(keys_, d_)).weights_desc();
    keys_bytes_ = round_up(keys.get_size(), 64);
    values_bytes_ = round_up(values.get_size(), 64);
    const int64_t width = kv_heads_ * d_;
    add_reorder(strided(d_, keys_, dtype_, 1, width), keys);
    add_reorder(strided(keys_, d_, dtype_, width, 1), values);
    for (int64_t head = 0; head < kv_heads_; ++head) primitives_.add_shared(keys);
    for (int64_t head = 0; head < kv_heads_; ++head) primitives_.add_shared(values);
    add_tile(tile_rows_, keys, values);
    if (rows_of(tiles() - 1) != tile_rows_) add_tile(rows_of(tiles() - 1), keys, values);

    const auto rows = static_cast<size_t>(tile_rows_), d = static_cast<size_t>(d_);
    query_bytes_ = round_up(rows * d * size_of(factor_), 64);
    score_bytes_ = round_up(checked_mul(rows * sizeof(float), static_cast<size_t>(keys_)), 64);
    result_bytes_ = round_up(rows * d * sizeof(float), 64);
    sum_bytes_ = round_up(rows * sizeof(float), 64);
  }

  size_t scratch_bytes() const override {
    return checked_add(packed_bytes(), checked_mul(worker_bytes(), static_cast<size_t>(workers_)));
  }
  std::string name() const override { return "onednn.attention " + implementation_; }

  void run(const KernelArgs& args) const override {
    if (args.threads.size() > workers_)
      fail(ErrorKind::Internal, "{}: made for {} threads, run with {}", name(), workers_, args.threads.size());
    const Primitives::Run run = primitives_.begin();
    {
      const OneThread alone;
      for (int64_t which : {0, 1})
        for (int64_t head = 0; head < kv_heads_; ++head) run.point(shared(which, head), packed(args, which, head));
    }
    args.threads.run(2 * kv_heads_, [&](int64_t task, int worker) {
      const OneThread alone;
      const int64_t which = task / kv_heads_, head = task % kv_heads_;
      const std::byte* plain =
          args.inputs[static_cast<size_t>(which) + 1].data + static_cast<size_t>(head * d_) * size_of(dtype_);
      run.execute(reorders_[static_cast<size_t>(which)], worker,
                  {plain, packed(args, which, head), spare(args, worker)});
    });
    // Neighbouring tasks share keys and values: they stay in the cache.
    args.threads.run(heads_ * tiles(),
                     [&](int64_t task, int worker) { run_tile(run, args, task / tiles(), task % tiles(), worker); });
  }

 private:
  struct Tile {
    int64_t rows;
    size_t scores, values;  // primitives
  };

  int64_t tiles() const { return ceil_div(queries_, tile_rows_); }
  int64_t rows_of(int64_t tile) const { return std::min(tile_rows_, queries_ - tile * tile_rows_); }
  size_t packed_bytes() const {
    return checked_mul(checked_add(keys_bytes_, values_bytes_), static_cast<size_t>(kv_heads_));
  }
  size_t worker_bytes() const {
    return checked_add(score_bytes_, query_bytes_ + result_bytes_ + sum_bytes_ + primitive_bytes_);
  }

  // Scratch: packed keys, packed values, then every worker's share.
  static size_t at(size_t bytes, int64_t index) { return bytes * static_cast<size_t>(index); }
  std::byte* packed(const KernelArgs& args, int64_t which, int64_t head) const {
    return which == 0 ? args.scratch + at(keys_bytes_, head)
                      : args.scratch + at(keys_bytes_, kv_heads_) + at(values_bytes_, head);
  }
  // Packed keys (0) or values (1) of a head among the shared operands.
  size_t shared(int64_t which, int64_t head) const { return static_cast<size_t>(which * kv_heads_ + head); }
  std::byte* share(const KernelArgs& args, int worker) const {
    return args.scratch + packed_bytes() + at(worker_bytes(), worker);
  }
  std::byte* spare(const KernelArgs& args, int worker) const {  // oneDNN's own
    return share(args, worker) + worker_bytes() - primitive_bytes_;
  }

  MatmulDesc score_desc(int64_t rows, const memory::desc& keys) const {
    return {{matrix(rows, d_, factor_), keys, matrix(rows, keys_, DType::F32)}, attributes(), engine()};
  }
  MatmulDesc value_desc(int64_t rows, const memory::desc& values) const {
    return {{matrix(rows, keys_, factor_), values, matrix(rows, d_, DType::F32)}, attributes(), engine()};
  }
  void need(const memory::desc& scratchpad) {
    primitive_bytes_ = std::max(primitive_bytes_, round_up(scratchpad.get_size(), 64));
  }

  void add_reorder(const memory::desc& plain, const memory::desc& packed) {
    const dnnl::reorder::primitive_desc desc(engine(), plain, engine(), packed, attributes());
    need(desc.scratchpad_desc());
    reorders_.push_back(primitives_.add(
        made<dnnl::reorder>(desc),
        {{DNNL_ARG_FROM, plain}, {DNNL_ARG_TO, packed}, {DNNL_ARG_SCRATCHPAD, desc.scratchpad_desc()}}));
  }

  void add_tile(int64_t rows, const memory::desc& keys, const memory::desc& values) {
    const auto bound = [&](const MatmulDesc& desc) {
      implementation_ = desc.impl_info_str();
      require_fast(implementation_, fmt::format("{} rows of {} against {} keys", rows, d_, keys_));
      need(desc.scratchpad_desc());
      return primitives_.add(made<dnnl::matmul>(desc), {{DNNL_ARG_SRC, desc.src_desc()},
                                                        {DNNL_ARG_DST, desc.dst_desc()},
                                                        {DNNL_ARG_SCRATCHPAD, desc.scratchpad_desc()}});
    };
    tiles_.push_back({rows, bound(score_desc(rows, keys)), bound(value_desc(rows, values))});
  }

  void run_tile(const Primitives::Run& run, const KernelArgs& args, int64_t head, int64_t number, int worker) const {
    const OneThread alone;
    const int64_t rows = rows_of(number), first = number * tile_rows_;
    const int64_t kv_head = head / (heads_ / kv_heads_);
    const auto width = static_cast<size_t>(d_);
    const Tile& tile = rows == tile_rows_ ? tiles_.front() : tiles_.back();
    std::byte* scores = share(args, worker);
    std::byte* queries = scores + score_bytes_;
    std::byte* results = queries + query_bytes_;
    auto* sums = reinterpret_cast<float*>(results + result_bytes_);
    const auto element = [&](int64_t row) { return static_cast<size_t>((first + row) * heads_ + head) * width; };

    if (factor_ != dtype_) {
      widen_rows(Source(args.inputs[0]).at(element(0)), heads_ * d_, rows, d_, reinterpret_cast<float*>(queries), d_);
    } else {
      for (int64_t row = 0; row < rows; ++row)  // oneDNN's fast matmul reads and writes no strided rows
        std::memcpy(queries + static_cast<size_t>(row) * width * size_of(dtype_),
                    args.inputs[0].data + element(row) * size_of(dtype_), width * size_of(dtype_));
    }
    run.execute(tile.scores, worker, {queries, scores, spare(args, worker)}, shared(0, kv_head));
    for (int64_t row = 0; row < rows; ++row) {
      const KeyRange seen = visible_keys(first + row, keys_, causal_, window_);
      const auto keys = static_cast<size_t>(keys_);
      sums[row] = softmax_row(reinterpret_cast<const float*>(scores) + static_cast<size_t>(row) * keys,
                              {.first = static_cast<size_t>(seen.first),
                               .last = static_cast<size_t>(seen.last),
                               .keys = keys,
                               .scale = scale_},
                              Target(scores, factor_).at(static_cast<size_t>(row) * keys));
      if (!round_to_f16_) continue;
      auto* weights = reinterpret_cast<float*>(scores) + static_cast<size_t>(row) * keys;
      for (size_t i = 0; i < keys; ++i) weights[i] = to_float(to_f16(weights[i]));
    }
    run.execute(tile.values, worker, {scores, results, spare(args, worker)}, shared(1, kv_head));
    for (int64_t row = 0; row < rows; ++row)
      scale_row(reinterpret_cast<const float*>(results) + static_cast<size_t>(row) * width, width, 1.0f / sums[row],
                Target(args.output).at(element(row)));
  }

  int64_t queries_, keys_, heads_, kv_heads_, d_, tile_rows_;
  int workers_;
  DType dtype_, factor_;  // of q, k and v; what they are multiplied as
  float scale_;
  bool causal_;
  int64_t window_;
  bool round_to_f16_;  // f32 operands that stand for f16 ones: the softmax is rounded, too
  Primitives primitives_;
  std::vector<size_t> reorders_;  // of keys, of values
  std::vector<Tile> tiles_;       // whole, and the rest if there is one
  std::string implementation_;
  size_t keys_bytes_ = 0, values_bytes_ = 0;  // of one packed head
  size_t query_bytes_ = 0, score_bytes_ = 0, result_bytes_ = 0, sum_bytes_ = 0, primitive_bytes_ = 0;  // of a worker
};

}  // namespace

std::shared_ptr<const HostKernel> make_onednn_attention(const KernelRequest& request, std::string* why_not) {
  const DType dtype = request.inputs[0].dtype;
  const bool equal = request.inputs[1].dtype == dtype && request.inputs[2].dtype == dtype;
  const DType compute = request.precision.compute;
  const bool computes = compute == dtype || (compute == DType::F16 && dtype == DType::F32);
  if (!equal || !is_supported(dtype) || !computes || !is_supported(request.output.dtype)) {
    *why_not = fmt::format("q {}, k {}, v {}, computed in {}, result {}: oneDNN multiplies f32 or bf16 operands",
                           to_string(dtype), to_string(request.inputs[1].dtype), to_string(request.inputs[2].dtype),
                           to_string(compute), to_string(request.output.dtype));
    return nullptr;
  }
  if (request.output.shape.elements() == 0 || request.inputs[1].shape[0] == 0) {
    *why_not = "nothing to attend to";
    return nullptr;
  }
  return make_or_refuse<Attention>(request, why_not);
}

}  // namespace newbie::cpu
