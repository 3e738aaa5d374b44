// linear and linear_add as tiles of rows times panels of the weight, of f32, bf16 or 8-bit numbers. A tile's result is
// dense scratch and then copied to its columns: oneDNN's fast matmul writes no strided results.
#include "graph/ops/linear.h"

#include <map>
#include <vector>

#include "backend/cpu/bf16_products.h"
#include "backend/cpu/kernels/add_to.h"
#include "backend/cpu/kernels/quantise.h"
#include "backend/cpu/onednn/kernels.h"
#include "backend/cpu/onednn/primitive.h"
#include "core/checked.h"
#include "core/float_formats.h"
#include "graph/ops/linear_add.h"

namespace newbie::cpu {

namespace {

using namespace onednn;
using dnnl::memory;
using MatmulDesc = dnnl::matmul::primitive_desc;

constexpr int64_t kTileRows = 256, kTileColumns = 256;  // both operands of a tile stay in a core's cache
constexpr int64_t kEnoughTasks = 16;                    // for a small layer, keep a few cores busy
constexpr int64_t kQuantisedRows = 16;                  // of a task

// What is multiplied with what, and what the sums are. The instruction for 8-bit numbers takes unsigned rows.
struct Types {
  memory::data_type rows, weight, sums;
};
Types types_of(DType compute, DType result) {
  using type = memory::data_type;
  if (compute == DType::I8) return {type::u8, type::s8, type::s32};
  // Products of f32 stay f32 in oneDNN: a narrower result is rounded when a tile is copied.
  const type narrow = data_type(compute);
  return {narrow, narrow, compute == DType::F32 ? type::f32 : data_type(result)};
}

// How weight [N, K] is cut: a function of these numbers alone, so that programs of other row counts share the copy.
struct Panels {
  int64_t n = 0, k = 0, width = 0;  // k of 8-bit numbers: whole cache lines, of zeros at their end
  DType dtype = DType::F32;         // that is computed with
  memory::desc whole, last;         // of a panel, as oneDNN wants it: [K, width] and [K, what is left]

  int64_t count() const { return ceil_div(n, width); }
  int64_t width_of(int64_t panel) const { return std::min(width, n - panel * width); }
  const memory::desc& desc_of(int64_t panel) const { return width_of(panel) == width ? whole : last; }
  size_t offset_of(int64_t panel) const {  // of a panel in the packed weight, in bytes
    return checked_mul(static_cast<size_t>(panel), round_up(whole.get_size(), 64));
  }
  size_t columns_at() const {  // scales and shifts of 8-bit columns
    return checked_add(offset_of(count() - 1), round_up(desc_of(count() - 1).get_size(), 64));
  }
  size_t bytes() const {
    const size_t of_columns = checked_mul(static_cast<size_t>(n), sizeof(float) + sizeof(int32_t));
    return dtype == DType::I8 ? checked_add(columns_at(), of_columns) : columns_at();
  }
  float* scales(std::byte* packed) const { return reinterpret_cast<float*>(packed + columns_at()); }
  int32_t* shifts(std::byte* packed) const { return reinterpret_cast<int32_t*>(scales(packed) + n); }
  QuantisedColumns columns(const std::byte* packed, int64_t first) const {
    const auto* of_scales = reinterpret_cast<const float*>(packed + columns_at());
    return {of_scales + first, reinterpret_cast<const int32_t*>(of_scales + n) + first};
  }
};

MatmulDesc matmul_desc(int64_t rows, const memory::desc& weights, const Panels& p, int64_t columns, const Types& types,
                       bool bias) {
  const auto tag = memory::format_tag::ab;
  const memory::desc x({rows, p.k}, types.rows, tag), y({rows, columns}, types.sums, tag);
  if (!bias) return {{x, weights, y}, attributes(), engine()};
  return {{x, weights, matrix(1, columns, DType::F32), y}, attributes(), engine()};
}

Panels cut_panels(int64_t n, int64_t k, DType dtype) {
  if (dtype == DType::I8) k = static_cast<int64_t>(round_up(static_cast<size_t>(k), 64));
  Panels p{.n = n, .k = k, .width = n >= 2048 ? kTileColumns : n >= 1024 ? 128 : 64, .dtype = dtype};
  const Types types = types_of(dtype, dtype);
  const auto wanted = [&](int64_t columns) {
    const memory::desc any({k, columns}, types.weight, memory::format_tag::any);
    return matmul_desc(kTileRows, any, p, columns, types, dtype != DType::I8).weights_desc();
  };
  const int64_t rest = p.width_of(p.count() - 1);
  p.last = wanted(rest);
  p.whole = rest == p.width ? p.last : wanted(p.width);
  return p;
}

// Rows [N, K] of a weight, from the first of a panel on, as oneDNN wants that panel.
void reorder_panel(const Panels& p, int64_t panel, const std::byte* rows, std::byte* destination) {
  const OneThread alone;
  const memory::desc plain({p.k, p.width_of(panel)}, types_of(p.dtype, p.dtype).weight, memory::dims{1, p.k});
  // A memory object takes no constant address; this one is only read.
  memory from(plain, engine(), const_cast<std::byte*>(rows)), to(p.desc_of(panel), engine(), destination);
  dnnl::stream stream(engine());
  made<dnnl::reorder>(from, to).execute(stream, from, to);
  stream.wait();
}

void quantise_panel(const Panels& p, int64_t panel, const ConstTensorView& source, std::byte* packed) {
  const int64_t width = source.spec.shape.last(), first = panel * p.width;
  const auto stride = static_cast<size_t>(p.k);
  std::vector<std::byte> numbers(static_cast<size_t>(p.width_of(panel)) * stride);
  for (int64_t column = 0; column < p.width_of(panel); ++column) {
    std::byte* const out = &numbers[static_cast<size_t>(column) * stride];
    p.scales(packed)[first + column] = quantise_row(Source(source).at(static_cast<size_t>((first + column) * width)),
                                                    static_cast<size_t>(width), stride, NumberForm::Signed, out);
    int32_t sum = 0;
    for (size_t i = 0; i < stride; ++i) sum += static_cast<int8_t>(out[i]);
    p.shifts(packed)[first + column] = 128 * sum;
  }
  reorder_panel(p, panel, numbers.data(), packed + p.offset_of(panel));
}

void pack(const Panels& p, ConstTensorView source, std::byte* destination, ThreadPool& threads) {
  threads.run(p.count(), [&](int64_t panel, int) {
    const size_t first = static_cast<size_t>(panel * p.width * p.k);
    try {
      if (p.dtype == DType::I8)
        quantise_panel(p, panel, source, destination);
      else
        reorder_panel(p, panel, source.data + first * size_of(p.dtype), destination + p.offset_of(panel));
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

class Linear final : public HostKernel {
 public:
  explicit Linear(const KernelRequest& request)
      : rows_(request.inputs[0].shape.rows()),
        workers_(request.threads),
        result_(request.output.dtype),
        addend_(request.op == &linear_add_op),
        bias_(!addend_ && request.inputs.size() == 3),
        panels_(cut_panels(request.output.shape.last(), request.inputs[0].shape.last(), request.precision.compute)),
        types_(types_of(panels_.dtype, addend_ ? DType::F32 : result_)),
        tile_rows_(rows_per_tile(rows_, panels_.count())),
        primitives_(workers_) {
    in_place_ = panels_.count() == 1 && !is_whole() && !addend_ && types_.sums == data_type(result_);
    for (int64_t panel : {int64_t{0}, panels_.count() - 1})
      for (int64_t tile : {int64_t{0}, tiles() - 1}) add_primitive(rows_of(tile), panel);
    for (int64_t panel = 0; panel < panels_.count(); ++panel) primitives_.add_shared(panels_.desc_of(panel));
    const size_t sum_bytes = types_.sums == memory::data_type::bf16 ? 2 : 4;
    if (!in_place_) tile_bytes_ = round_up(static_cast<size_t>(tile_rows_ * panels_.width) * sum_bytes, 64);
    if (!is_whole()) return;
    number_bytes_ = checked_mul(static_cast<size_t>(rows_), static_cast<size_t>(panels_.k));
    scale_bytes_ = round_up(checked_mul(static_cast<size_t>(rows_), sizeof(float)), 64);
  }

  size_t scratch_bytes() const override {
    return checked_add(checked_add(number_bytes_, scale_bytes_),
                       checked_mul(tile_bytes_ + primitive_bytes_, static_cast<size_t>(workers_)));
  }

  WeightLayout weight_layout(size_t input) const override {
    if (input != 1) return {};
    return {.key = fmt::format("onednn.linear{} {} {} | {}", is_whole() ? " int8" : "", panels_.width,
                               layout_text(panels_.whole), layout_text(panels_.last)),
            .bytes = panels_.bytes(),
            .pack = [p = panels_](ConstTensorView source, std::byte* destination, ThreadPool& threads) {
              pack(p, source, destination, threads);
            }};
  }

  std::optional<size_t> in_place_input() const override { return addend_ ? std::optional<size_t>(2) : std::nullopt; }

  std::string name() const override { return (addend_ ? "onednn.linear_add " : "onednn.linear ") + implementation_; }

  void run(const KernelArgs& args) const override {
    if (args.threads.size() > workers_)
      fail(ErrorKind::Internal, "{}: made for {} threads, run with {}", name(), workers_, args.threads.size());
    const Primitives::Run run = primitives_.begin();
    {
      const OneThread alone;
      for (int64_t panel = 0; panel < panels_.count(); ++panel)
        run.point(static_cast<size_t>(panel), args.inputs[1].data + panels_.offset_of(panel));
    }
    if (is_whole()) args.threads.run(ceil_div(rows_, kQuantisedRows), [&](int64_t task, int) { quantise(args, task); });
    // Neighbouring tasks share a panel: it stays in the cache while the rows go by.
    args.threads.run(tiles() * panels_.count(),
                     [&](int64_t task, int worker) { run_tile(run, args, task % tiles(), task / tiles(), worker); });
  }

 private:
  bool is_whole() const { return panels_.dtype == DType::I8; }

  // Scratch: the rows as 8-bit numbers, their scales, then every worker's share.
  float* row_scales(const KernelArgs& args) const { return reinterpret_cast<float*>(args.scratch + number_bytes_); }

  void quantise(const KernelArgs& args, int64_t task) const {
    const size_t width = static_cast<size_t>(args.inputs[0].spec.shape.last()), padded = static_cast<size_t>(panels_.k);
    for (int64_t row = task * kQuantisedRows; row < std::min(rows_, (task + 1) * kQuantisedRows); ++row)
      row_scales(args)[row] = quantise_row(Source(args.inputs[0]).at(static_cast<size_t>(row) * width), width, padded,
                                           NumberForm::Offset128, args.scratch + static_cast<size_t>(row) * padded);
  }

  int64_t tiles() const { return ceil_div(rows_, tile_rows_); }
  int64_t rows_of(int64_t tile) const { return std::min(tile_rows_, rows_ - tile * tile_rows_); }

  void add_primitive(int64_t rows, int64_t panel) {
    const int64_t columns = panels_.width_of(panel);
    if (numbers_.contains({rows, columns})) return;
    const MatmulDesc desc = matmul_desc(rows, panels_.desc_of(panel), panels_, columns, types_, has_matmul_bias());
    implementation_ = desc.impl_info_str();
    require_fast(implementation_, fmt::format("{}x{}x{}", rows, columns, panels_.k));
    std::vector<Primitives::Argument> arguments{{DNNL_ARG_SRC, desc.src_desc()},
                                                {DNNL_ARG_DST, desc.dst_desc()},
                                                {DNNL_ARG_SCRATCHPAD, desc.scratchpad_desc()}};
    if (has_matmul_bias()) arguments.push_back({DNNL_ARG_BIAS, desc.bias_desc()});
    numbers_[{rows, columns}] = primitives_.add(made<dnnl::matmul>(desc), arguments);
    primitive_bytes_ = std::max(primitive_bytes_, round_up(desc.scratchpad_desc().get_size(), 64));
  }

  void run_tile(const Primitives::Run& run, const KernelArgs& args, int64_t tile, int64_t panel, int worker) const {
    const OneThread alone;
    const int64_t rows = rows_of(tile), columns = panels_.width_of(panel), row = tile * tile_rows_;
    const std::byte* x = is_whole() ? args.scratch + static_cast<size_t>(row * panels_.k)
                                    : Source(args.inputs[0]).at(static_cast<size_t>(row * panels_.k)).data;
    std::byte* y = args.output.data + static_cast<size_t>(row * panels_.n + panel * panels_.width) * size_of(result_);
    std::byte* scratch =
        args.scratch + number_bytes_ + scale_bytes_ + static_cast<size_t>(worker) * (tile_bytes_ + primitive_bytes_);
    std::byte* products = in_place_ ? y : scratch;
    const float* bias = bias_ ? args.inputs[2].as<float>() + panel * panels_.width : nullptr;
    const size_t matmul = numbers_.at({rows, columns}), weights = static_cast<size_t>(panel);
    if (has_matmul_bias()) {
      run.execute(matmul, worker, {x, products, scratch + tile_bytes_, bias}, weights);
    } else {
      run.execute(matmul, worker, {x, products, scratch + tile_bytes_}, weights);
    }
    if (in_place_) return;
    const auto count = static_cast<size_t>(columns);
    for (int64_t r = 0; r < rows; ++r) {
      const auto at = static_cast<size_t>(r * columns);
      std::byte* const out = y + static_cast<size_t>(r * panels_.n) * size_of(result_);
      if (addend_)
        add_to(reinterpret_cast<float*>(products) + at,
               Source(args.inputs[2]).at(static_cast<size_t>((row + r) * panels_.n + panel * panels_.width)), count);
      if (is_whole())
        scale_sums(reinterpret_cast<const int32_t*>(products) + at, count,
                   panels_.columns(args.inputs[1].data, panel * panels_.width), row_scales(args)[row + r], bias,
                   {out, result_});
      else
        convert(tile_dtype(), products + at * size_of(tile_dtype()), result_, out, count);
    }
  }

  // oneDNN adds the bias to f32 and bf16; to whole numbers it is added with their scales.
  bool has_matmul_bias() const { return bias_ && !is_whole(); }
  DType tile_dtype() const { return types_.sums == memory::data_type::f32 ? DType::F32 : DType::BF16; }

  int64_t rows_;
  int workers_;
  DType result_;
  bool addend_, bias_, in_place_ = false;  // an addend is added to sums in f32
  Panels panels_;
  Types types_;
  int64_t tile_rows_;
  Primitives primitives_;                                  // its shared operands are the weight's panels
  std::map<std::pair<int64_t, int64_t>, size_t> numbers_;  // of primitives, by rows and columns
  std::string implementation_;
  size_t number_bytes_ = 0, scale_bytes_ = 0;    // of all rows
  size_t tile_bytes_ = 0, primitive_bytes_ = 0;  // of a worker
};

// 255 · 127 · K fits the i32 that sums are kept in.
constexpr int64_t kWidestInt8 = int64_t{1} << 16;

// Without VNNI oneDNN adds pairs of products in 16 bits, which overflow.
bool multiplies_int8() {
  constexpr auto kVnni = static_cast<unsigned>(dnnl::cpu_isa::avx512_core_vnni);
  return (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) & kVnni) == kVnni;
}

}  // namespace

std::shared_ptr<const HostKernel> make_onednn_linear(const KernelRequest& request, std::string* why_not) {
  const DType dtype = request.inputs[0].dtype, compute = request.precision.compute;
  const bool computes = compute == DType::I8 ? request.op == &linear_op && multiplies_int8() : compute == dtype;
  if (!is_supported(dtype) || request.inputs[1].dtype != dtype || !computes || !is_supported(request.output.dtype) ||
      (request.inputs.size() == 3 && (request.op == &linear_add_op ? !is_supported(request.inputs[2].dtype)
                                                                   : request.inputs[2].dtype != DType::F32))) {
    *why_not = fmt::format(
        "x {}, weight {}, computed in {}, result {}: oneDNN multiplies f32 or bf16 operands, and where the CPU has an "
        "instruction for them 8-bit numbers made of these",
        to_string(dtype), to_string(request.inputs[1].dtype), to_string(compute), to_string(request.output.dtype));
    return nullptr;
  }
  if (dtype == DType::BF16 && compute == DType::BF16 && widens_bf16()) {
    *why_not = "bf16 operands are widened here, which our own linear does";
    return nullptr;
  }
  if (request.output.shape.elements() == 0 || request.inputs[0].shape.last() == 0) {
    *why_not = "nothing to multiply";
    return nullptr;
  }
  if (compute == DType::I8 && request.inputs[0].shape.last() > kWidestInt8) {
    *why_not = fmt::format("rows of {} values are too wide", request.inputs[0].shape.last());
    return nullptr;
  }
  return make_or_refuse<Linear>(request, why_not);
}

}  // namespace newbie::cpu
