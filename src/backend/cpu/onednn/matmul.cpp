// Products that training is made of: linear_transposed, batched_matmul and batched_outer, [rows, depth] x [depth,
// columns] in every batch. A task is a panel of columns of one batch, or some rows of it: what multiplies is packed
// into scratch, then tiles of rows go by. linear_transposed reads its weight as the file has it: no second packed copy
// is held for it.
#include "backend/cpu/kernels/matmul.h"

#include <cstring>
#include <map>
#include <vector>

#include "backend/cpu/kernels/transpose.h"
#include "backend/cpu/onednn/kernels.h"
#include "backend/cpu/onednn/primitive.h"
#include "core/checked.h"
#include "graph/ops/attention.h"
#include "graph/ops/linear.h"

namespace newbie::cpu {

namespace {

using namespace onednn;
using dnnl::memory;
using MatmulDesc = dnnl::matmul::primitive_desc;

constexpr int64_t kTileRows = 128, kPanelColumns = 256;
constexpr int64_t kPanelBytes = 512 << 10;  // a panel may be wider as long as it stays in a core's cache
constexpr int64_t kPackingRows = 32;        // packing a panel takes about as long as that many rows of its product

// Where operands lie: both row-major, either perhaps transposed. A batch of b serves `share` batches of a, which are
// then rows of one.
struct Product {
  int64_t batches = 1, rows = 0, depth = 0, columns = 0;
  bool transposed_a = false, transposed_b = false;
};

Product product_of(const KernelRequest& request) {
  const Shape &a = request.inputs[0].shape, &b = request.inputs[1].shape;
  if (request.op == &linear_transposed_op) return {1, a.rows(), a.last(), b[1]};
  if (request.op == &batched_outer_op) return {a[0], a[2], a[1], b[2], true};
  const bool transposed = request.attrs.integer("transpose_b") != 0;
  return {b[0], a[0] / b[0] * a[1], a[2], request.output.shape[2], false, transposed};
}

// How many tasks the tiles of a panel are shared out to, so that `workers` are done soonest. Borders of tiles, and so
// results, do not depend on it.
int64_t tasks_of_panel(int64_t panels, int64_t tiles, int64_t tile_rows, int64_t workers) {
  int64_t best = 1, shortest = 0;
  for (int64_t tasks = 1; tasks <= tiles; ++tasks) {
    const int64_t rounds = ceil_div(panels * tasks, workers);
    const int64_t rows = rounds * (ceil_div(tiles, tasks) * tile_rows + kPackingRows);
    if (tasks > 1 && rows >= shortest) continue;
    best = tasks;
    shortest = rows;
  }
  return best;
}

// All columns, where so few numbers are multiplied: a tile of the result is whole rows then.
int64_t panel_width(const Product& p, size_t element) {
  const bool fits = static_cast<double>(p.depth) * static_cast<double>(p.columns) * static_cast<double>(element) <=
                    static_cast<double>(kPanelBytes);
  return fits ? p.columns : std::min(p.columns, kPanelColumns);
}

class Matmul final : public HostKernel {
 public:
  explicit Matmul(const KernelRequest& request)
      : product_(product_of(request)),
        workers_(request.threads),
        dtype_(request.inputs[0].dtype),
        factor_(multiplied_as(dtype_)),
        result_(request.output.dtype),
        // Products of f32 stay f32 in oneDNN: a narrower result is rounded when a tile is copied.
        sums_(factor_ == DType::F32 ? DType::F32 : result_),
        tile_rows_(std::min(product_.rows, kTileRows)),
        width_(panel_width(product_, size_of(factor_))),
        tasks_(tasks_of_panel(product_.batches * panels(), tiles(), tile_rows_, workers_)),
        primitives_(workers_) {
    for (int64_t columns : {width_, product_.columns - (panels() - 1) * width_}) {
      if (packed_.contains(columns)) continue;
      const memory::desc any({product_.depth, columns}, data_type(factor_), memory::format_tag::any);
      const memory::desc packed = matmul_desc(tile_rows_, any, columns).weights_desc();
      const auto stride =
          product_.transposed_b ? std::pair{int64_t{1}, product_.depth} : std::pair{product_.columns, int64_t{1}};
      packed_.emplace(columns, packed);
      packers_.emplace(columns, reorder(strided(product_.depth, columns, dtype_, stride.first, stride.second), packed));
      packed_bytes_ = std::max(packed_bytes_, round_up(packed.get_size(), 64));
      for (int64_t rows : {tile_rows_, product_.rows - (tiles() - 1) * tile_rows_}) add_primitive(rows, columns);
    }
    const auto rows = static_cast<size_t>(tile_rows_), depth = static_cast<size_t>(product_.depth);
    if (product_.transposed_a) turned_bytes_ = round_up(checked_mul(rows * size_of(dtype_), depth), 64);
    if (factor_ != dtype_) widened_bytes_ = round_up(checked_mul(rows * size_of(factor_), depth), 64);
    tile_bytes_ = in_place() ? 0 : round_up(rows * static_cast<size_t>(width_) * size_of(sums_), 64);
  }

  size_t scratch_bytes() const override { return checked_mul(worker_bytes(), static_cast<size_t>(workers_)); }
  std::string name() const override { return "onednn.matmul " + implementation_; }

  void run(const KernelArgs& args) const override {
    if (args.threads.size() > workers_)
      fail(ErrorKind::Internal, "{}: made for {} threads, run with {}", name(), workers_, args.threads.size());
    const Primitives::Run run = primitives_.begin();
    args.threads.run(product_.batches * panels() * tasks_, [&](int64_t task, int worker) {
      const int64_t panel = task / tasks_, share = ceil_div(tiles(), tasks_) * tile_rows_,
                    first = task % tasks_ * share;
      if (first < product_.rows)
        run_panel(run, args, panel / panels(), panel % panels() * width_, first, std::min(product_.rows, first + share),
                  worker);
    });
  }

 private:
  int64_t tiles() const { return ceil_div(product_.rows, tile_rows_); }
  int64_t panels() const { return ceil_div(product_.columns, width_); }
  bool in_place() const { return panels() == 1 && sums_ == result_; }  // a tile lies in the result as it is made
  size_t worker_bytes() const {
    return packed_bytes_ + turned_bytes_ + widened_bytes_ + tile_bytes_ + primitive_bytes_;
  }

  MatmulDesc matmul_desc(int64_t rows, const memory::desc& weights, int64_t columns) const {
    return {{matrix(rows, product_.depth, factor_), weights, matrix(rows, columns, sums_)}, attributes(), engine()};
  }

  size_t reorder(const memory::desc& from, const memory::desc& to) {
    const dnnl::reorder::primitive_desc desc(engine(), from, engine(), to, attributes());
    primitive_bytes_ = std::max(primitive_bytes_, round_up(desc.scratchpad_desc().get_size(), 64));
    return primitives_.add(made<dnnl::reorder>(desc),
                           {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}, {DNNL_ARG_SCRATCHPAD, desc.scratchpad_desc()}});
  }

  void add_primitive(int64_t rows, int64_t columns) {
    if (products_.contains({rows, columns})) return;
    const MatmulDesc desc = matmul_desc(rows, packed_.at(columns), columns);
    implementation_ = desc.impl_info_str();
    require_fast(implementation_, fmt::format("{}x{}x{}", rows, columns, product_.depth));
    products_[{rows, columns}] =
        primitives_.add(made<dnnl::matmul>(desc), {{DNNL_ARG_SRC, desc.src_desc()},
                                                   {DNNL_ARG_WEIGHTS, desc.weights_desc()},
                                                   {DNNL_ARG_DST, desc.dst_desc()},
                                                   {DNNL_ARG_SCRATCHPAD, desc.scratchpad_desc()}});
    primitive_bytes_ = std::max(primitive_bytes_, round_up(desc.scratchpad_desc().get_size(), 64));
  }

  // Rows [first, last) of a panel's product.
  void run_panel(const Primitives::Run& run, const KernelArgs& args, int64_t batch, int64_t column, int64_t first,
                 int64_t last, int worker) const {
    const OneThread alone;
    const Product& p = product_;
    const int64_t columns = std::min(width_, p.columns - column);
    std::byte* packed = args.scratch + worker_bytes() * static_cast<size_t>(worker);
    std::byte* turned = packed + packed_bytes_;
    std::byte* const widened = turned + turned_bytes_;
    std::byte* const tile = widened + widened_bytes_;
    std::byte* const spare = tile + tile_bytes_;
    const auto at = [](const ConstTensorView& view, int64_t element) {
      return view.data + static_cast<size_t>(element) * size_of(view.spec.dtype);
    };

    const int64_t of_b = batch * p.depth * p.columns + (p.transposed_b ? column * p.depth : column);
    run.execute(packers_.at(columns), worker, {at(args.inputs[1], of_b), packed, spare});
    for (int64_t row = first; row < last; row += tile_rows_) {
      const int64_t rows = std::min(tile_rows_, last - row);
      const std::byte* x = at(args.inputs[0], batch * p.rows * p.depth + (p.transposed_a ? row : row * p.depth));
      if (p.transposed_a) {
        transpose(dtype_, x, p.rows, p.depth, rows, turned, p.depth);
        x = turned;
      }
      if (factor_ != dtype_) {
        widen_rows({x, dtype_}, p.depth, rows, p.depth, reinterpret_cast<float*>(widened), p.depth);
        x = widened;
      }
      std::byte* to =
          args.output.data + static_cast<size_t>((batch * p.rows + row) * p.columns + column) * size_of(result_);
      run.execute(products_.at({rows, columns}), worker, {x, packed, in_place() ? to : tile, spare});
      if (in_place()) continue;
      if (sums_ == DType::F32) {
        store_sums(reinterpret_cast<const float*>(tile), columns, rows, columns, nullptr, {to, result_}, p.columns);
        continue;
      }
      const size_t row_bytes = static_cast<size_t>(columns) * size_of(result_);
      for (int64_t r = 0; r < rows; ++r, to += static_cast<size_t>(p.columns) * size_of(result_))
        std::memcpy(to, tile + static_cast<size_t>(r) * row_bytes, row_bytes);
    }
  }

  Product product_;
  int workers_;
  DType dtype_, factor_, result_, sums_;  // factor_: what operands are multiplied as; sums_: of a tile
  int64_t tile_rows_, width_;
  int64_t tasks_;                           // of a panel
  std::map<int64_t, memory::desc> packed_;  // by columns
  Primitives primitives_;
  std::map<int64_t, size_t> packers_;                       // by columns
  std::map<std::pair<int64_t, int64_t>, size_t> products_;  // by rows and columns
  std::string implementation_;
  size_t packed_bytes_ = 0, turned_bytes_ = 0, widened_bytes_ = 0, tile_bytes_ = 0,
         primitive_bytes_ = 0;  // of a worker
};

}  // namespace

std::shared_ptr<const HostKernel> make_onednn_matmul(const KernelRequest& request, std::string* why_not) {
  const DType dtype = request.inputs[0].dtype;
  if (!is_supported(dtype) || request.inputs[1].dtype != dtype || request.precision.compute != dtype ||
      !is_supported(request.output.dtype)) {
    *why_not = fmt::format("operands {} and {}, computed in {}, result {}: oneDNN multiplies f32 or bf16",
                           to_string(dtype), to_string(request.inputs[1].dtype), to_string(request.precision.compute),
                           to_string(request.output.dtype));
    return nullptr;
  }
  if (request.output.shape.elements() == 0 || product_of(request).depth == 0) {
    *why_not = "nothing to multiply";
    return nullptr;
  }
  return make_or_refuse<Matmul>(request, why_not);
}

}  // namespace newbie::cpu
