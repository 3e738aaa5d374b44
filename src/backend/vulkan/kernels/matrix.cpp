// Products of matrices and convolutions: one shader, by the strides of its operands.
#include <algorithm>

#include "backend/vulkan/kernels/kernels.h"
#include "core/parallel.h"

namespace newbie::vulkan {

namespace {

struct Product {
  int64_t rows = 0, columns = 0, depth = 0;
  int64_t row_x = 0, k_x = 1, batch_x = 0;  // elements between neighbours
  int64_t row_w = 0, tap_w = 0, k_w = 1, batch_w = 0;
  int64_t batches = 1, share = 1;  // batches of x that read one of w
  // Of a convolution.
  bool convolution = false;
  int64_t taps = 1, kernel_width = 1, stride = 1, top = 0, left = 0, height = 0, width = 0, out_width = 1;
};

enum class End { None, Bias, Addend };

class MatrixKernel final : public DeviceKernel {
 public:
  MatrixKernel(const KernelRequest& request, const Traits& traits, const Product& p, End end)
      : op_(request.op->name), p_(p), end_(end) {
    job_.work = 2.0 * static_cast<double>(p.rows) * static_cast<double>(p.columns) * static_cast<double>(p.depth) *
                static_cast<double>(p.taps) * static_cast<double>(p.batches);
    if (fits_units(request, traits, p)) {
      job_.shader = Shader::MatrixUnitsF16;
      job_.constants = unit_constants(traits.units, *traits.units.f16);
      for (const uint32_t constant : {end == End::None ? 0 : dtype_number(request.inputs[2]),
                                      dtype_number(request.output), static_cast<uint32_t>(end)})
        job_.constants.push_back(constant);
      job_.groups = unit_groups(*traits.units.f16, p.rows, p.columns, p.batches);
      return;
    }
    const bool tiled = traits.tiled || ceil_div(p.rows, 8) > kMostGroups;
    job_.shader = tiled ? Shader::MatrixTiled : Shader::MatrixDirect;
    job_.constants = {dtype_number(request.inputs[0]),
                      dtype_number(request.inputs[1]),
                      end == End::None ? 0 : dtype_number(request.inputs[2]),
                      dtype_number(request.output),
                      static_cast<uint32_t>(end),
                      p.convolution,
                      p.k_x == 1 && p.k_w == 1};
    const int64_t across = tiled ? 64 : 32, down = tiled ? 64 : 8;
    job_.groups = {static_cast<uint32_t>(ceil_div(p.columns, across)), static_cast<uint32_t>(ceil_div(p.rows, down)),
                   static_cast<uint32_t>(p.batches)};
    if (request.op == &conv2d_op && p.taps > 1) {
      const TensorSpec& w = request.inputs[1];
      layout_ = {.key = "vulkan.taps", .bytes = w.bytes(), .pack = pack_taps};
    }
  }

  std::string name() const override {
    return fmt::format("vulkan.{} {}", op_,
                       job_.shader == Shader::MatrixUnitsF16 ? "units"
                       : job_.shader == Shader::MatrixTiled  ? "tiled"
                                                             : "direct");
  }
  WeightLayout weight_layout(size_t input) const override { return input == 1 ? layout_ : WeightLayout{}; }
  std::optional<size_t> in_place_input() const override {
    return end_ == End::Addend ? std::optional<size_t>(2) : std::nullopt;
  }

  void record(Recorder& recorder, const Addresses& at) const override {
    Push push;
    push.address(at.inputs[0]).address(at.inputs[1]).address(end_ == End::None ? nullptr : at.inputs[2]);
    push.address(at.output);
    if (job_.shader == Shader::MatrixUnitsF16) {
      for (const int64_t value : {p_.rows, p_.columns, p_.depth, p_.batch_x, p_.batch_w, p_.share}) push.count(value);
      dispatch(recorder, job_, push);
      return;
    }
    for (const int64_t value :
         {p_.rows, p_.columns, p_.depth, p_.row_x, p_.k_x, p_.batch_x, p_.row_w, p_.tap_w, p_.k_w, p_.batch_w, p_.share,
          p_.taps, p_.kernel_width, p_.stride, p_.top, p_.left, p_.height, p_.width, p_.out_width})
      push.count(value);
    dispatch(recorder, job_, push);
  }

 private:
  // Products of f16 numbers are exact in f32, as the unit sums them.
  static bool fits_units(const KernelRequest& request, const Traits& traits, const Product& p) {
    return traits.units.f16 && request.inputs[0].dtype == DType::F16 && request.inputs[1].dtype == DType::F16 &&
           !p.convolution && p.k_x == 1 && p.k_w == 1 && p.row_x == p.depth && p.row_w == p.depth;
  }

  // [O, I, kh, kw] -> [O, kh · kw, I]: the numbers that a tap multiplies lie together.
  static void pack_taps(ConstTensorView source, std::byte* destination, ThreadPool& threads) {
    const Shape& w = source.spec.shape;
    const size_t size = size_of(source.spec.dtype), channels = static_cast<size_t>(w[1]);
    const auto taps = static_cast<size_t>(w[2] * w[3]);
    threads.run(w[0], [&](int64_t row, int) {
      const std::byte* from = source.data + static_cast<size_t>(row) * channels * taps * size;
      std::byte* to = destination + static_cast<size_t>(row) * channels * taps * size;
      for (size_t tap = 0; tap < taps; ++tap)
        for (size_t i = 0; i < channels; ++i)
          std::memcpy(to + (tap * channels + i) * size, from + (i * taps + tap) * size, size);
    });
  }

  std::string_view op_;
  Product p_;
  End end_;
  Job job_;
  WeightLayout layout_;
};

KernelOrNot make(const KernelRequest& request, const Traits& traits, const Product& p, End end, std::string* why_not) {
  if (std::string why = refusal(request); !why.empty()) return refuse(std::move(why), why_not);
  if (p.batches > kMostGroups || ceil_div(p.rows, 32) > kMostGroups || ceil_div(p.columns, 32) > kMostGroups)
    return refuse("it has more rows, columns or batches than a dispatch", why_not);
  // Either kernel: rows of the tiled one's blocks are shorter, but it fills them in a loop, too.
  if (std::string why = refuse_turns(p.taps * (p.depth + ceil_div(p.depth, 16) + 1), traits); !why.empty())
    return refuse(std::move(why), why_not);
  return std::make_shared<MatrixKernel>(request, traits, p, end);
}

}  // namespace

KernelOrNot make_linear(const KernelRequest& request, const Traits& traits, std::string* why_not) {
  const Shape &x = request.inputs[0].shape, &w = request.inputs[1].shape;
  const Product p{.rows = x.rows(), .columns = w[0], .depth = w[1], .row_x = w[1], .row_w = w[1]};
  const End end = request.inputs.size() < 3 ? End::None : request.op == &linear_add_op ? End::Addend : End::Bias;
  return make(request, traits, p, end, why_not);
}

KernelOrNot make_batched_matmul(const KernelRequest& request, const Traits& traits, std::string* why_not) {
  const Shape &a = request.inputs[0].shape, &b = request.inputs[1].shape;
  const bool transposed = request.attrs.integer("transpose_b") != 0;
  const Product p{.rows = a[1],
                  .columns = request.output.shape[2],
                  .depth = a[2],
                  .row_x = a[2],
                  .batch_x = a[1] * a[2],
                  .row_w = transposed ? b[2] : 1,
                  .k_w = transposed ? 1 : b[2],
                  .batch_w = b[1] * b[2],
                  .batches = a[0],
                  .share = a[0] / b[0]};
  return make(request, traits, p, End::None, why_not);
}

KernelOrNot make_conv2d(const KernelRequest& request, const Traits& traits, std::string* why_not) {
  const Shape &x = request.inputs[0].shape, &w = request.inputs[1].shape, &y = request.output.shape;
  const auto& padding = request.attrs.list("padding");
  const int64_t taps = w[2] * w[3];
  const Product p{.rows = y[0] * y[1],
                  .columns = w[0],
                  .depth = w[1],
                  .row_w = taps * w[1],
                  .tap_w = w[1],
                  .convolution = true,
                  .taps = taps,
                  .kernel_width = w[3],
                  .stride = request.attrs.integer("stride"),
                  .top = padding[0],
                  .left = padding[1],
                  .height = x[0],
                  .width = x[1],
                  .out_width = y[1]};
  return make(request, traits, p, End::Bias, why_not);
}

}  // namespace newbie::vulkan
