// banded_conv2d: for a band of result rows at a time, the rows it needs of every part, in scratch. Where the norm's
// input is itself computed, it is computed once for the moments of the whole picture and once more for the result.
#include <algorithm>
#include <array>
#include <map>

#include "backend/cpu/kernels/function_kernel.h"
#include "backend/cpu/kernels/group_norm.h"
#include "backend/cpu/kernels/kernels.h"
#include "graph/ops/banded_conv2d.h"
#include "graph/ops/conv2d.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/movement.h"

namespace newbie::cpu {

namespace {

constexpr int64_t kBandRows = 32;  // enough to share the cost of the rows that two bands need

// Rows [first, end) of a picture.
struct Rows {
  int64_t first = 0, end = 0;
  int64_t count() const { return end - first; }
};

// The rows of a convolution's input that its result rows read, and how many of them lie outside of the picture.
struct Window {
  Rows rows;
  int64_t top = 0, bottom = 0;
};
Window window_of(const Rows& result, int64_t kernel_rows, int64_t padding_top, int64_t height) {
  const int64_t from = result.first - padding_top, to = result.end - 1 - padding_top + kernel_rows;
  const Rows rows{std::max<int64_t>(from, 0), std::min(to, height)};
  return {rows, rows.first - from, to - rows.end};
}

class BandedConv2d final : public HostKernel {
 public:
  // `band_rows` of the result at a time.
  BandedConv2d(const KernelRequest& request, std::shared_ptr<const HostBackend> kernels, int64_t band_rows)
      : c_(BandedConv::from(request.attrs)),
        request_(request),
        kernels_(std::move(kernels)),
        dtype_(request.precision.compute),
        x_(request.inputs[0].shape),
        middle_(c_.middle(x_, c_.first ? request.inputs[1].shape : Shape{})),
        y_(request.output.shape),
        band_rows_(std::min(band_rows, y_[0])),
        moment_rows_(computed() ? std::min(band_rows, middle_[0]) : middle_[0]),
        cut_(static_cast<size_t>(middle_[0] * middle_[1]), static_cast<size_t>(middle_[2]),
             static_cast<size_t>(std::max<int64_t>(c_.groups, 1)), static_cast<size_t>(moment_rows_ * middle_[1])) {
    if (c_.groups > 0 && computed())
      for (int64_t first = 0; first < middle_[0]; first += moment_rows_) plan_middle(moment_band(first));
    for (int64_t first = 0; first < y_[0]; first += band_rows_) {
      const Rows band = result_band(first);
      const Window read = read_by(band);
      if (read.rows.count() <= 0) {
        consistent_ = false;
        continue;
      }
      plan_middle(read.rows);
      conv(request_.inputs[c_.weight()], request_.inputs[c_.weight() + 1], read.rows.count(), middle_, read,
           {c_.padding[1], c_.padding[3]}, y_, band.count(), c_.residual ? dtype_ : request_.output.dtype);
      if (c_.groups > 0) need(middle_bytes_, row_bytes(middle_) * static_cast<size_t>(read.rows.count()));
      if (!c_.residual) continue;
      need(result_bytes_, row_bytes(y_) * static_cast<size_t>(band.count()));
      sum(band.count());
    }
    size_t at = 0;
    const auto place = [&](size_t bytes) {
      const size_t here = at;
      at = checked_add(at, round_up(bytes, 64));
      return here;
    };
    const size_t channels = cut_.channels, threads = static_cast<size_t>(request.threads);
    if (c_.groups > 0) {
      moments_at_ = place(checked_mul(cut_.moments(), sizeof(Moments)));
      gains_at_ = place(checked_mul(2 * channels, sizeof(float)));
      workers_at_ = place(checked_mul(checked_mul(3 * channels, threads), sizeof(float)));
    }
    upsampled_at_ = place(upsampled_bytes_);
    middle_at_ = place(middle_bytes_);
    result_at_ = place(result_bytes_);
    kernel_at_ = place(kernel_bytes_);
    scratch_bytes_ = at;
  }

  // All bands read some row, and want weights in one layout: then one packed weight serves them all.
  bool consistent() const { return consistent_; }

  size_t scratch_bytes() const override { return scratch_bytes_; }
  std::string name() const override { return "cpu.banded_conv2d"; }

  WeightLayout weight_layout(size_t input) const override {
    const auto found = layouts_.find(input);
    return found == layouts_.end() ? WeightLayout{} : found->second;
  }
  // Rows of the residual are read when those of the result are written.
  std::optional<size_t> in_place_input() const override {
    if (!c_.residual) return std::nullopt;
    return c_.residual_operand();
  }

  void run(const KernelArgs& args) const override {
    if (args.threads.size() > request_.threads)
      fail(ErrorKind::Internal, "{}: made for {} threads, run with {}", name(), request_.threads, args.threads.size());
    if (c_.groups > 0) find_moments(args);
    for (int64_t first = 0; first < y_[0]; first += band_rows_) {
      const Rows band = result_band(first);
      const Window read = read_by(band);
      const std::byte* middle = make_middle(args, read.rows);
      if (c_.groups > 0) middle = normalize(args, middle, read.rows.count());
      std::byte* out = args.output.data + static_cast<size_t>(band.first) * row_bytes(y_, request_.output.dtype);
      std::byte* convolved = c_.residual ? args.scratch + result_at_ : out;
      const DType dtype = c_.residual ? dtype_ : request_.output.dtype;
      run_conv(args, c_.weight(), {kLast, read.rows.count(), read.top, read.bottom, band.count()}, middle, middle_,
               convolved, y_, dtype);
      if (c_.residual) add_residual(args, band, convolved, out);
    }
  }

 private:
  enum Part { kUpsample, kFirst, kLast, kSum };
  using Kind = std::array<int64_t, 5>;  // part, rows read, padding above and below, rows made

  bool computed() const { return c_.upsampled || c_.first; }
  Rows result_band(int64_t first) const { return {first, std::min(first + band_rows_, y_[0])}; }
  Rows moment_band(int64_t first) const { return {first, std::min(first + moment_rows_, middle_[0])}; }
  Window read_by(const Rows& band) const {
    return window_of(band, request_.inputs[c_.weight()].shape[2], c_.padding[0], middle_[0]);
  }
  size_t row_bytes(const Shape& s, DType dtype) const { return static_cast<size_t>(s[1] * s[2]) * size_of(dtype); }
  size_t row_bytes(const Shape& s) const { return row_bytes(s, dtype_); }
  Shape upsampled() const {
    const int64_t scale = c_.upsampled ? 2 : 1;
    return {scale * x_[0], scale * x_[1], x_[2]};
  }
  static void need(size_t& bytes, size_t wanted) { bytes = std::max(bytes, wanted); }

  const std::shared_ptr<const HostKernel>& kernel(const Kind& kind, const OpDef& op, Attrs attrs,
                                                  std::vector<TensorSpec> inputs, const TensorSpec& output,
                                                  const OpPrecision& precision) {
    auto& made = made_[kind];
    if (!made) {
      std::string why;
      made = kernels_->make_host_kernel({&op, std::move(attrs), std::move(inputs), output, precision, request_.threads},
                                        &why);
      if (!made) fail(ErrorKind::Unsupported, "a band cannot be computed: {}", why);
      need(kernel_bytes_, made->scratch_bytes());
    }
    return made;
  }

  void conv(const TensorSpec& weight, const TensorSpec& bias, int64_t rows, const Shape& from, const Window& read,
            std::pair<int64_t, int64_t> sides, const Shape& to, int64_t made_rows, DType result) {
    const bool last = &weight == &request_.inputs[c_.weight()];
    const auto& k = kernel(
        {last ? kLast : kFirst, rows, read.top, read.bottom, made_rows}, conv2d_op,
        {{"stride", int64_t{1}}, {"padding", std::vector<int64_t>{read.top, sides.first, read.bottom, sides.second}}},
        {{{rows, from[1], from[2]}, dtype_}, weight, bias}, {{made_rows, to[1], to[2]}, result},
        {result, dtype_, DType::F32});
    const WeightLayout layout = k->weight_layout(1);
    const auto [known, fresh] = layouts_.emplace(last ? c_.weight() : c_.first_weight(), layout);
    if (!fresh && known->second.key != layout.key) consistent_ = false;
  }

  void sum(int64_t rows) {
    const Shape s{rows, y_[1], y_[2]};
    kernel({kSum, rows, 0, 0, rows}, add_op, {}, {{s, request_.inputs[c_.residual_operand()].dtype}, {s, dtype_}},
           {s, request_.output.dtype}, {request_.output.dtype, DType::F32, DType::F32});
  }

  // What computing `rows` of the middle takes: kernels and room.
  void plan_middle(const Rows& rows) {
    if (!computed()) return;
    Window read{rows, 0, 0};
    if (c_.first) {
      read = window_of(rows, 3, 1, middle_[0]);
      conv(request_.inputs[1], request_.inputs[2], read.rows.count(), upsampled(), read, {1, 1}, middle_, rows.count(),
           dtype_);
      need(middle_bytes_, row_bytes(middle_) * static_cast<size_t>(rows.count()));
    }
    if (!c_.upsampled) return;
    const Rows source{read.rows.first / 2, (read.rows.end + 1) / 2};
    kernel({kUpsample, source.count(), 0, 0, 2 * source.count()}, upsample_nearest_op, {},
           {{{source.count(), x_[1], x_[2]}, dtype_}}, {{2 * source.count(), 2 * x_[1], x_[2]}, dtype_},
           {dtype_, dtype_, dtype_});
    need(upsampled_bytes_, row_bytes(upsampled()) * static_cast<size_t>(2 * source.count()));
  }

  void run_conv(const KernelArgs& args, size_t weight, const Kind& kind, const std::byte* in, const Shape& from,
                std::byte* out, const Shape& to, DType result) const {
    const std::array<ConstTensorView, 3> operands{ConstTensorView{{{kind[1], from[1], from[2]}, dtype_}, in},
                                                  args.inputs[weight], args.inputs[weight + 1]};
    made_.at(kind)->run({operands, {{{kind[4], to[1], to[2]}, result}, out}, args.scratch + kernel_at_, args.threads});
  }

  // `rows` of what the norm or the last convolution reads.
  const std::byte* make_middle(const KernelArgs& args, const Rows& rows) const {
    const std::byte* x = args.inputs[0].data;
    if (!computed()) return x + static_cast<size_t>(rows.first) * row_bytes(x_);
    const Window read = c_.first ? window_of(rows, 3, 1, middle_[0]) : Window{rows, 0, 0};
    const std::byte* from = x + static_cast<size_t>(read.rows.first) * row_bytes(x_);
    if (c_.upsampled) {
      const Rows source{read.rows.first / 2, (read.rows.end + 1) / 2};
      std::byte* to = args.scratch + upsampled_at_;
      const ConstTensorView in({{source.count(), x_[1], x_[2]}, dtype_},
                               x + static_cast<size_t>(source.first) * row_bytes(x_));
      made_.at({kUpsample, source.count(), 0, 0, 2 * source.count()})
          ->run({std::span(&in, 1),
                 {{{2 * source.count(), 2 * x_[1], x_[2]}, dtype_}, to},
                 args.scratch + kernel_at_,
                 args.threads});
      from = to + static_cast<size_t>(read.rows.first - 2 * source.first) * row_bytes(upsampled());
    }
    if (!c_.first) return from;
    std::byte* out = args.scratch + middle_at_;
    run_conv(args, c_.first_weight(), {kFirst, read.rows.count(), read.top, read.bottom, rows.count()}, from,
             upsampled(), out, middle_, dtype_);
    return out;
  }

  void find_moments(const KernelArgs& args) const {
    auto* parts = reinterpret_cast<Moments*>(args.scratch + moments_at_);
    auto* workers = reinterpret_cast<float*>(args.scratch + workers_at_);
    for (int64_t first = 0; first < middle_[0]; first += moment_rows_) {
      const Rows band = moment_band(first);
      const Source rows(make_middle(args, band), dtype_);
      const size_t first_block = static_cast<size_t>(first / moment_rows_) * cut_.per_band();
      for_row_blocks(args.threads, band.count() * middle_[1], static_cast<int64_t>(cut_.block),
                     [&](size_t pixel, size_t count, int worker) {
                       group_moments(rows.at(pixel * cut_.channels), count, cut_.channels,
                                     {parts + (first_block + pixel / cut_.block) * cut_.groups, cut_.groups},
                                     workers + static_cast<size_t>(worker) * 3 * cut_.channels);
                     });
    }
    auto* mean = reinterpret_cast<float*>(args.scratch + gains_at_);
    channel_gains(cut_, parts, args.inputs[c_.norm_weight()].as<float>(), c_.eps, mean, mean + cut_.channels);
  }

  const std::byte* normalize(const KernelArgs& args, const std::byte* middle, int64_t rows) const {
    const auto* mean = reinterpret_cast<const float*>(args.scratch + gains_at_);
    std::byte* out = args.scratch + middle_at_;
    const Source from(middle, dtype_);
    const Target to(out, dtype_);
    for_row_blocks(args.threads, rows * middle_[1], static_cast<int64_t>(cut_.block),
                   [&](size_t first, size_t count, int) {
                     normalize_channels(from.at(first * cut_.channels), mean, mean + cut_.channels,
                                        args.inputs[c_.norm_weight() + 1].as<float>(), true, count, cut_.channels,
                                        to.at(first * cut_.channels));
                   });
    return out;
  }

  void add_residual(const KernelArgs& args, const Rows& band, const std::byte* branch, std::byte* out) const {
    const Shape s{band.count(), y_[1], y_[2]};
    const ConstTensorView& residual = args.inputs[c_.residual_operand()];
    const std::array<ConstTensorView, 2> terms{
        ConstTensorView{{s, residual.spec.dtype},
                        residual.data + static_cast<size_t>(band.first) * row_bytes(y_, residual.spec.dtype)},
        ConstTensorView{{s, dtype_}, branch}};
    made_.at({kSum, band.count(), 0, 0, band.count()})
        ->run({terms, {{s, request_.output.dtype}, out}, args.scratch + kernel_at_, args.threads});
  }

  BandedConv c_;
  KernelRequest request_;
  std::shared_ptr<const HostBackend> kernels_;  // of the parts
  DType dtype_;
  Shape x_, middle_, y_;
  int64_t band_rows_, moment_rows_;
  MomentBlocks cut_;
  std::map<Kind, std::shared_ptr<const HostKernel>> made_;
  std::map<size_t, WeightLayout> layouts_;  // by operand
  bool consistent_ = true;
  size_t upsampled_bytes_ = 0, middle_bytes_ = 0, result_bytes_ = 0, kernel_bytes_ = 0;
  size_t moments_at_ = 0, gains_at_ = 0, workers_at_ = 0, upsampled_at_ = 0, middle_at_ = 0, result_at_ = 0,
         kernel_at_ = 0, scratch_bytes_ = 0;
};

}  // namespace

std::shared_ptr<const HostKernel> make_banded_conv2d(const KernelRequest& request, std::string* why_not) {
  const DType dtype = request.precision.compute;
  if (!is_vector_dtype(dtype) || !is_vector_dtype(request.output.dtype))
    return refuse(why_not, fmt::format("computed in {}, result {}: expected f32 or bf16", to_string(dtype),
                                       to_string(request.output.dtype)));
  for (size_t i = 0; i < request.inputs.size(); ++i) {
    const bool vector = request.inputs[i].shape.rank() == 1;
    if (request.inputs[i].dtype != (vector ? DType::F32 : dtype))
      return refuse(why_not, fmt::format("input {} is {}", i, to_string(request.inputs[i].dtype)));
  }
  if (request.output.shape.elements() == 0 || request.inputs[0].shape.elements() == 0)
    return refuse(why_not, "nothing to convolve");
  const std::shared_ptr<const HostBackend> kernels = make_cpu_backend();
  // Where bands at the border want another layout than those inside, or read no row at all, the picture stays whole.
  for (int64_t rows = std::min(kBandRows, request.output.shape[0]);; rows = request.output.shape[0]) {
    auto made = std::make_shared<BandedConv2d>(request, kernels, rows);
    if (made->consistent() || rows == request.output.shape[0]) return made;
  }
}

}  // namespace newbie::cpu
