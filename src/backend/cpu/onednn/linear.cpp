// linear as tiles of rows times panels of the weight. A tile's result is dense scratch and then copied to its columns:
// oneDNN's fast matmul writes no strided results.
#include <cstring>
#include <map>
#include <optional>

#include "backend/cpu/onednn/kernels.h"
#include "backend/cpu/onednn/primitive.h"
#include "core/checked.h"
#include "core/float_formats.h"

namespace newbie::cpu {

namespace {

using namespace onednn;
using dnnl::memory;
using MatmulDesc = dnnl::matmul::primitive_desc;

constexpr int64_t kTileRows = 256, kTileColumns = 256;  // both operands of a tile stay in a core's cache
constexpr int64_t kEnoughTasks = 16;                    // for a small layer, keep a few cores busy

// How weight [N, K] is cut: a function of these numbers alone, so that programs of other row counts share the copy.
struct Panels {
  int64_t n = 0, k = 0, width = 0;
  DType dtype = DType::F32;
  memory::desc whole, last;  // of a panel, as oneDNN wants it: [K, width] and [K, what is left]

  int64_t count() const { return ceil_div(n, width); }
  int64_t width_of(int64_t panel) const { return std::min(width, n - panel * width); }
  const memory::desc& desc_of(int64_t panel) const { return width_of(panel) == width ? whole : last; }
  size_t offset_of(int64_t panel) const {  // of a panel in the packed weight, in bytes
    return checked_mul(static_cast<size_t>(panel), round_up(whole.get_size(), 64));
  }
  size_t bytes() const { return checked_add(offset_of(count() - 1), round_up(desc_of(count() - 1).get_size(), 64)); }
};

MatmulDesc matmul_desc(int64_t rows, const memory::desc& weights, const Panels& p, int64_t columns, DType result,
                       bool bias) {
  const memory::desc x = matrix(rows, p.k, p.dtype), y = matrix(rows, columns, result);
  if (!bias) return {{x, weights, y}, attributes(), engine()};
  return {{x, weights, matrix(1, columns, DType::F32), y}, attributes(), engine()};
}

Panels cut_panels(int64_t n, int64_t k, DType dtype) {
  Panels p{.n = n, .k = k, .width = n >= 2048 ? kTileColumns : n >= 1024 ? 128 : 64, .dtype = dtype};
  const auto wanted = [&](int64_t columns) {
    const memory::desc any({k, columns}, data_type(dtype), memory::format_tag::any);
    return matmul_desc(kTileRows, any, p, columns, dtype, true).weights_desc();
  };
  const int64_t rest = p.width_of(p.count() - 1);
  p.last = wanted(rest);
  p.whole = rest == p.width ? p.last : wanted(p.width);
  return p;
}

void pack(const Panels& p, ConstTensorView source, std::byte* destination, ThreadPool& threads) {
  threads.run(p.count(), [&](int64_t panel, int) {
    const OneThread alone;
    const memory::desc plain = strided(p.k, p.width_of(panel), p.dtype, 1, p.k);
    // A memory object takes no constant address; this one is only read.
    auto* rows = const_cast<std::byte*>(source.data) + static_cast<size_t>(panel * p.width * p.k) * size_of(p.dtype);
    try {
      memory from(plain, engine(), rows), to(p.desc_of(panel), engine(), destination + p.offset_of(panel));
      dnnl::stream stream(engine());
      dnnl::reorder(from, to).execute(stream, from, to);
      stream.wait();
    } catch (const dnnl::error& e) {
      fail(ErrorKind::Internal, "oneDNN cannot pack a weight {}: {}", source.spec.shape.str(), e.what());
    }
  });
}

// Rows of a tile: a function of the shape.
int64_t rows_per_tile(int64_t rows, int64_t panels) {
  int64_t tiles = ceil_div(rows, kTileRows);
  while (tiles * panels < kEnoughTasks && ceil_div(rows, tiles) > 32) ++tiles;
  return std::min(rows, static_cast<int64_t>(round_up(static_cast<size_t>(ceil_div(rows, tiles)), 16)));
}

class Linear final : public Kernel {
 public:
  explicit Linear(const KernelRequest& request)
      : rows_(request.inputs[0].shape.rows()),
        workers_(request.threads),
        result_(request.output.dtype),
        bias_(request.inputs.size() == 3),
        panels_(cut_panels(request.output.shape.last(), request.inputs[0].shape.last(), request.inputs[0].dtype)),
        tile_rows_(rows_per_tile(rows_, panels_.count())) {
    // Products of f32 stay f32 in oneDNN: a narrower result is rounded when a tile is copied.
    tile_dtype_ = panels_.dtype == DType::F32 ? DType::F32 : result_;
    in_place_ = panels_.count() == 1 && tile_dtype_ == result_;
    for (int64_t panel : {int64_t{0}, panels_.count() - 1})
      for (int64_t tile : {int64_t{0}, tiles() - 1}) add_primitive(rows_of(tile), panel);
    for (int64_t panel = 0; panel < panels_.count(); ++panel)
      weights_.emplace_back(panels_.desc_of(panel), engine(), nullptr);
    if (!in_place_) tile_bytes_ = round_up(static_cast<size_t>(tile_rows_ * panels_.width) * size_of(tile_dtype_), 64);
  }

  size_t scratch_bytes() const override {
    return checked_mul(tile_bytes_ + primitive_bytes_, static_cast<size_t>(workers_));
  }

  WeightLayout weight_layout(size_t input) const override {
    if (input != 1) return {};
    return {.key = fmt::format("onednn.linear {} {} | {}", panels_.width, layout_text(panels_.whole),
                               layout_text(panels_.last)),
            .bytes = panels_.bytes(),
            .pack = [p = panels_](ConstTensorView source, std::byte* destination, ThreadPool& threads) {
              pack(p, source, destination, threads);
            }};
  }

  std::string name() const override { return "onednn.linear " + implementation_; }

  void run(const KernelArgs& args) override {
    if (args.threads.size() > workers_)
      fail(ErrorKind::Internal, "{}: made for {} threads, run with {}", name(), workers_, args.threads.size());
    {
      const OneThread alone;
      for (int64_t panel = 0; panel < panels_.count(); ++panel)
        point(weights_[static_cast<size_t>(panel)], args.inputs[1].data + panels_.offset_of(panel));
    }
    // Neighbouring tasks share a panel: it stays in the cache while the rows go by.
    args.threads.run(tiles() * panels_.count(),
                     [&](int64_t task, int worker) { run_tile(args, task % tiles(), task / tiles(), worker); });
  }

 private:
  int64_t tiles() const { return ceil_div(rows_, tile_rows_); }
  int64_t rows_of(int64_t tile) const { return std::min(tile_rows_, rows_ - tile * tile_rows_); }

  void add_primitive(int64_t rows, int64_t panel) {
    const int64_t columns = panels_.width_of(panel);
    if (primitives_.contains({rows, columns})) return;
    const MatmulDesc desc = matmul_desc(rows, panels_.desc_of(panel), panels_, columns, tile_dtype_, bias_);
    implementation_ = desc.impl_info_str();
    require_fast(implementation_, fmt::format("{}x{}x{}", rows, columns, panels_.k));
    std::vector<WorkerPrimitive::Argument> arguments{{DNNL_ARG_SRC, desc.src_desc()},
                                                     {DNNL_ARG_DST, desc.dst_desc()},
                                                     {DNNL_ARG_SCRATCHPAD, desc.scratchpad_desc()}};
    if (bias_) arguments.push_back({DNNL_ARG_BIAS, desc.bias_desc()});
    primitives_.try_emplace({rows, columns}, dnnl::matmul(desc), arguments, workers_);
    primitive_bytes_ = std::max(primitive_bytes_, round_up(desc.scratchpad_desc().get_size(), 64));
  }

  void run_tile(const KernelArgs& args, int64_t tile, int64_t panel, int worker) const {
    const OneThread alone;
    const int64_t rows = rows_of(tile), columns = panels_.width_of(panel), row = tile * tile_rows_;
    const std::byte* x = args.inputs[0].data + static_cast<size_t>(row * panels_.k) * size_of(panels_.dtype);
    std::byte* y = args.output.data + static_cast<size_t>(row * panels_.n + panel * panels_.width) * size_of(result_);
    std::byte* scratch = args.scratch + static_cast<size_t>(worker) * (tile_bytes_ + primitive_bytes_);
    std::byte* products = in_place_ ? y : scratch;
    const WorkerPrimitive& matmul = primitives_.at({rows, columns});
    const dnnl::memory* weights = &weights_[static_cast<size_t>(panel)];
    if (bias_) {
      matmul.run(worker, {x, products, scratch + tile_bytes_, args.inputs[2].as<float>() + panel * panels_.width},
                 weights);
    } else {
      matmul.run(worker, {x, products, scratch + tile_bytes_}, weights);
    }
    if (in_place_) return;
    for (int64_t r = 0; r < rows; ++r)
      convert(tile_dtype_, products + static_cast<size_t>(r * columns) * size_of(tile_dtype_), result_,
              y + static_cast<size_t>(r * panels_.n) * size_of(result_), static_cast<size_t>(columns));
  }

  int64_t rows_;
  int workers_;
  DType result_, tile_dtype_ = DType::F32;
  bool bias_, in_place_ = false;
  Panels panels_;
  int64_t tile_rows_;
  std::map<std::pair<int64_t, int64_t>, WorkerPrimitive> primitives_;  // by rows and columns
  std::vector<memory> weights_;                                        // one a panel, pointed at the packed weight
  std::string implementation_;
  size_t tile_bytes_ = 0, primitive_bytes_ = 0;
};

}  // namespace

std::shared_ptr<Kernel> make_onednn_linear(const KernelRequest& request, std::string* why_not) {
  const DType dtype = request.inputs[0].dtype;
  if (!is_supported(dtype) || request.inputs[1].dtype != dtype || request.precision.compute != dtype ||
      !is_supported(request.output.dtype) || (request.inputs.size() == 3 && request.inputs[2].dtype != DType::F32)) {
    *why_not = fmt::format("x {}, weight {}, computed in {}, result {}: oneDNN multiplies f32 or bf16 operands",
                           to_string(dtype), to_string(request.inputs[1].dtype), to_string(request.precision.compute),
                           to_string(request.output.dtype));
    return nullptr;
  }
  if (request.output.shape.elements() == 0 || request.inputs[0].shape.last() == 0) {
    *why_not = "nothing to multiply";
    return nullptr;
  }
  return make_or_refuse<Linear>(request, why_not);
}

}  // namespace newbie::cpu
