// linear and linear_add as a kernel of our own, on any machine: blocks of rows times groups of panels, the depth in
// slices.
#include "backend/cpu/kernels/add_to.h"
#include "backend/cpu/kernels/function_kernel.h"
#include "backend/cpu/kernels/kernels.h"
#include "backend/cpu/kernels/matmul.h"
#include "core/checked.h"
#include "graph/ops/linear.h"
#include "graph/ops/linear_add.h"

namespace newbie::cpu {

namespace {

// A slice of a panel stays in the first cache while a block's rows, which stay in the second, are multiplied with it.
constexpr int64_t kSliceDepth = 384, kBlockRows = 128, kGroupPanels = 12;
// Below so many rows widening a slice of a panel beforehand takes longer than doing it in every product.
constexpr int64_t kRowsToWiden = 3 * kRowsAtOnce;
constexpr int64_t kEnoughTasks = 16;  // for a small layer, keep a few cores busy

struct PackedWeight {
  int64_t n, k, columns;  // of a panel
  DType dtype;

  int64_t panels() const { return ceil_div(n, columns); }
  size_t panel_bytes() const { return checked_mul(static_cast<size_t>(k * columns), size_of(dtype)); }
  size_t bytes() const { return checked_mul(static_cast<size_t>(panels()), panel_bytes()); }
};

class Linear final : public HostKernel {
 public:
  explicit Linear(const KernelRequest& request)
      : rows_(request.inputs[0].shape.rows()),
        workers_(request.threads),
        weight_{request.output.shape.last(), request.inputs[0].shape.last(), panel_columns(), request.inputs[1].dtype},
        addend_(request.op == &linear_add_op),
        bias_(!addend_ && request.inputs.size() == 3) {
    block_rows_ = std::min(rows_, kBlockRows);
    group_ = std::min(weight_.panels(), kGroupPanels);
    while (ceil_div(rows_, block_rows_) * ceil_div(weight_.panels(), group_) < kEnoughTasks && group_ > 1) group_ /= 2;
    const auto rows = static_cast<size_t>(block_rows_);
    if (request.inputs[0].dtype != DType::F32) wide_bytes_ = checked_mul(rows * sizeof(float), kSliceDepth);
    if (weight_.dtype != DType::F32 && block_rows_ >= kRowsToWiden)
      panel_bytes_ = checked_mul(kSliceDepth * sizeof(float), static_cast<size_t>(weight_.columns));
    sum_bytes_ = checked_mul(rows * sizeof(float), static_cast<size_t>(group_ * weight_.columns));
  }

  size_t scratch_bytes() const override { return checked_mul(worker_bytes(), static_cast<size_t>(workers_)); }

  WeightLayout weight_layout(size_t input) const override {
    if (input != 1) return {};
    return {.key = fmt::format("cpu.linear {}", weight_.columns),
            .bytes = weight_.bytes(),
            .pack = [w = weight_](ConstTensorView source, std::byte* destination, ThreadPool& threads) {
              threads.run(w.panels(), [&](int64_t panel, int) {
                pack_panel(Source(source), w.n, w.k, panel * w.columns,
                           destination + static_cast<size_t>(panel) * w.panel_bytes());
              });
            }};
  }

  std::optional<size_t> in_place_input() const override { return addend_ ? std::optional<size_t>(2) : std::nullopt; }

  std::string name() const override { return addend_ ? "cpu.linear_add" : "cpu.linear"; }

  void run(const KernelArgs& args) const override {
    if (args.threads.size() > workers_)
      fail(ErrorKind::Internal, "{}: made for {} threads, run with {}", name(), workers_, args.threads.size());
    // Neighbouring tasks share columns: all threads read the same part of the weight.
    const int64_t blocks = ceil_div(rows_, block_rows_);
    args.threads.run(blocks * ceil_div(weight_.panels(), group_), [&](int64_t task, int worker) {
      run_block(args, task % blocks * block_rows_, task / blocks * group_, worker);
    });
  }

 private:
  size_t worker_bytes() const { return checked_add(checked_add(wide_bytes_, panel_bytes_), sum_bytes_); }

  void run_block(const KernelArgs& args, int64_t row, int64_t panel, int worker) const {
    std::byte* share = args.scratch + worker_bytes() * static_cast<size_t>(worker);
    auto* wide = reinterpret_cast<float*>(share);
    auto* wide_panel = reinterpret_cast<float*>(share + wide_bytes_);
    auto* sums = reinterpret_cast<float*>(share + wide_bytes_ + panel_bytes_);
    const int64_t rows = std::min(block_rows_, rows_ - row), panels = std::min(group_, weight_.panels() - panel);
    const int64_t stride = panels * weight_.columns;
    const Source x(args.inputs[0]), weight(args.inputs[1].data, weight_.dtype);

    for (int64_t at = 0; at < weight_.k; at += kSliceDepth) {
      const int64_t depth = std::min(kSliceDepth, weight_.k - at);
      const Source slice = x.at(static_cast<size_t>(row * weight_.k + at));
      if (x.dtype != DType::F32) widen_rows(slice, weight_.k, rows, depth, wide, kSliceDepth);
      for (int64_t i = 0; i < panels; ++i) {
        Source part = weight.at(static_cast<size_t>(((panel + i) * weight_.k + at) * weight_.columns));
        if (panel_bytes_ != 0) {
          widen_rows(part, weight_.columns, depth, weight_.columns, wide_panel, weight_.columns);
          part = Source(reinterpret_cast<const std::byte*>(wide_panel), DType::F32);
        }
        multiply_panel({.x = x.dtype == DType::F32 ? slice.as<float>() : wide,
                        .x_stride = x.dtype == DType::F32 ? weight_.k : kSliceDepth,
                        .rows = rows,
                        .panel = part,
                        .depth = depth,
                        .sums = sums + i * weight_.columns,
                        .sums_stride = stride,
                        .add = at > 0});
      }
    }
    const int64_t column = panel * weight_.columns, columns = std::min(stride, weight_.n - column);
    if (addend_)
      for (int64_t r = 0; r < rows; ++r)
        add_to(sums + r * stride, Source(args.inputs[2]).at(static_cast<size_t>((row + r) * weight_.n + column)),
               static_cast<size_t>(columns));
    store_sums(sums, stride, rows, columns, bias_ ? args.inputs[2].as<float>() + column : nullptr,
               Target(args.output).at(static_cast<size_t>(row * weight_.n + column)), weight_.n);
  }

  int64_t rows_;
  int workers_;
  PackedWeight weight_;
  bool addend_, bias_;
  int64_t block_rows_ = 0, group_ = 0;
  size_t wide_bytes_ = 0, panel_bytes_ = 0, sum_bytes_ = 0;  // of a worker: rows and a panel in f32, sums
};

}  // namespace

std::shared_ptr<const HostKernel> make_linear(const KernelRequest& request, std::string* why_not) {
  if (request.op != &linear_op && request.op != &linear_add_op) return refuse(why_not, "not a linear layer");
  const size_t stored = request.op == &linear_add_op ? 3 : 2;  // a bias is a parameter
  if (auto why = dtype_refusal(request, stored); !why.empty()) return refuse(why_not, why);
  // Products are of f32: what is stored is what is multiplied.
  const DType compute = request.precision.compute, x = request.inputs[0].dtype, weight = request.inputs[1].dtype;
  if (compute != DType::F32 && (x != compute || weight != compute))
    return refuse(why_not,
                  fmt::format("x {}, weight {}, computed in {}", to_string(x), to_string(weight), to_string(compute)));
  if (request.op == &linear_op && request.inputs.size() == 3)
    if (auto why = parameter_refusal(request, 2); !why.empty()) return refuse(why_not, why);
  if (request.output.shape.elements() == 0 || request.inputs[0].shape.last() == 0)
    return refuse(why_not, "nothing to multiply");
  return std::make_shared<Linear>(request);
}

}  // namespace newbie::cpu
