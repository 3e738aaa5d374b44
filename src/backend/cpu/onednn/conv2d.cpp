// conv2d as bands of output rows, each a convolution of the input rows it needs. Where bf16 is widened, that is done to
// a band's rows when its turn comes, and to the weights once a run: they are kept as they are, in the order of f32's.
#include <algorithm>
#include <map>
#include <tuple>

#include "backend/cpu/kernels/matmul.h"
#include "backend/cpu/onednn/kernels.h"
#include "backend/cpu/onednn/primitive.h"
#include "core/checked.h"

namespace newbie::cpu {

namespace {

using namespace onednn;
using dnnl::memory;
using ConvDesc = dnnl::convolution_forward::primitive_desc;

constexpr int64_t kBands = 16, kMostRows = 32;  // enough for a few cores, and rows enough to share the halo's cost
constexpr int64_t kMostWidenedRows = 16;        // both ends of a band are scratch then
constexpr int64_t kLeastProducts = 1 << 22;     // of a band: some ten microseconds of work
constexpr int64_t kWidenedAtOnce = 1 << 15;     // weights of a task

// The output rows [first, first + rows) and what they read.
struct Band {
  int64_t first, rows;
  int64_t input_first, input_rows;  // that exist
  int64_t top, bottom;              // rows of padding

  auto kind() const { return std::tuple(rows, input_rows, top, bottom); }
};

class Conv2d final : public HostKernel {
 public:
  explicit Conv2d(const KernelRequest& request)
      : x_(request.inputs[0].shape),
        w_(request.inputs[1].shape),
        y_(request.output.shape),
        stride_(request.attrs.integer("stride")),
        padding_(request.attrs.list("padding")),
        workers_(request.threads),
        dtype_(request.inputs[0].dtype),
        factor_(multiplied_as(dtype_)),
        result_(request.output.dtype),
        // oneDNN's f32 convolution makes f32 only: a narrower result is rounded when a band is copied.
        sums_(factor_ == DType::F32 ? DType::F32 : result_) {
    const int64_t products_of_row = y_[1] * w_[0] * w_[1] * w_[2] * w_[3];
    band_rows_ = std::clamp(ceil_div(y_[0], kBands), int64_t{1}, is_widened() ? kMostWidenedRows : kMostRows);
    band_rows_ = std::min(y_[0], std::max(band_rows_, ceil_div(kLeastProducts, products_of_row)));
    // The layout is what a band inside the picture wants. Where a band at its border cannot have it, or has no row of
    // the picture at all, the picture stays whole.
    bool usable = cut();
    if (!usable) {
      band_rows_ = y_[0];
      usable = cut();
    }
    if (!usable)
      fail(ErrorKind::Unsupported, "oneDNN has only its reference for a convolution of {} by {}", x_.str(), w_.str());
  }

  size_t scratch_bytes() const override {
    return checked_add(weight_bytes(), checked_mul(worker_bytes(), static_cast<size_t>(workers_)));
  }

  WeightLayout weight_layout(size_t input) const override {
    if (input != 1) return {};
    return {.key = fmt::format("onednn.conv2d{} {}", is_widened() ? " narrow" : "", layout_text(packed_)),
            .bytes = kept_weights().get_size(),
            .pack = [plain = plain_weights(), packed = kept_weights()](ConstTensorView source, std::byte* destination,
                                                                       ThreadPool&) {
              const OneThread alone;
              try {
                // A memory object takes no constant address; this one is only read.
                memory from(plain, engine(), const_cast<std::byte*>(source.data)), to(packed, engine(), destination);
                dnnl::stream stream(engine());
                made<dnnl::reorder>(from, to).execute(stream, from, to);
                stream.wait();
              } catch (const dnnl::error& e) {
                fail(ErrorKind::Internal, "oneDNN cannot pack a weight {}: {}", source.spec.shape.str(), e.what());
              }
            }};
  }

  std::string name() const override { return "onednn.conv2d " + implementation_; }

  void run(const KernelArgs& args) const override {
    if (args.threads.size() > workers_)
      fail(ErrorKind::Internal, "{}: made for {} threads, run with {}", name(), workers_, args.threads.size());
    const Primitives::Run run = primitives_->begin();
    if (is_widened()) {
      const auto count = static_cast<int64_t>(packed_.get_size() / sizeof(float));
      args.threads.run(ceil_div(count, kWidenedAtOnce), [&](int64_t task, int) {
        const int64_t first = task * kWidenedAtOnce, some = std::min(kWidenedAtOnce, count - first);
        widen_rows(Source(args.inputs[1].data, dtype_).at(static_cast<size_t>(first)), some, 1, some,
                   reinterpret_cast<float*>(args.scratch) + first, some);
      });
    }
    {
      const OneThread alone;
      run.point(weight_, is_widened() ? args.scratch : args.inputs[1].data);
    }
    args.threads.run(static_cast<int64_t>(bands_.size()), [&](int64_t task, int worker) {
      const OneThread alone;
      const Band& band = bands_[static_cast<size_t>(task)];
      const std::byte* x =
          args.inputs[0].data + static_cast<size_t>(band.input_first * x_[1] * x_[2]) * size_of(dtype_);
      std::byte* const y = args.output.data + static_cast<size_t>(band.first * y_[1] * y_[2]) * size_of(result_);
      std::byte* const share = args.scratch + weight_bytes() + static_cast<size_t>(worker) * worker_bytes();
      std::byte *const widened = share + primitive_bytes_, *const sums = widened + input_bytes_;
      if (is_widened()) {
        const int64_t width = x_[1] * x_[2];
        widen_rows({x, dtype_}, width, band.input_rows, width, reinterpret_cast<float*>(widened), width);
        x = widened;
      }
      run.execute(numbers_.at(band.kind()), worker, {x, args.inputs[2].data, sums_ == result_ ? y : sums, share},
                  weight_);
      if (sums_ == result_) return;
      const int64_t width = y_[1] * y_[2];
      store_sums(reinterpret_cast<const float*>(sums), width, band.rows, width, nullptr, {y, result_}, width);
    });
  }

 private:
  bool is_widened() const { return factor_ != dtype_; }

  // Scratch: the weights in f32, then every worker's share: oneDNN's own, a band's input in f32, its result in f32.
  size_t weight_bytes() const { return is_widened() ? round_up(packed_.get_size(), 64) : 0; }
  size_t worker_bytes() const { return checked_add(checked_add(primitive_bytes_, input_bytes_), sum_bytes_); }

  memory::desc kept_weights() const {
    memory::desc out = packed_;
    if (is_widened()) out.data.data_type = static_cast<dnnl_data_type_t>(data_type(dtype_));
    return out;
  }
  memory::desc plain_weights() const {
    return {{w_[0], w_[1], w_[2], w_[3]}, data_type(dtype_), memory::format_tag::oihw};
  }

  Band band_at(int64_t first) const {
    Band b{.first = first, .rows = std::min(band_rows_, y_[0] - first)};
    const int64_t from = first * stride_ - padding_[0], to = (first + b.rows - 1) * stride_ - padding_[0] + w_[2];
    b.input_first = std::max<int64_t>(from, 0);
    b.input_rows = std::min(to, x_[0]) - b.input_first;
    b.top = b.input_first - from;
    b.bottom = std::max<int64_t>(to - x_[0], 0);
    return b;
  }

  ConvDesc desc_of(const Band& band, const memory::desc& weights) const {
    const auto picture = [](int64_t channels, int64_t rows, int64_t columns, DType dtype) {
      return memory::desc({1, channels, rows, columns}, data_type(dtype), memory::format_tag::nhwc);
    };
    return {{dnnl::prop_kind::forward_inference,
             dnnl::algorithm::convolution_direct,
             picture(x_[2], band.input_rows, x_[1], factor_),
             weights,
             {{w_[0]}, memory::data_type::f32, memory::format_tag::x},
             picture(y_[2], band.rows, y_[1], sums_),
             {stride_, stride_},
             {band.top, padding_[1]},
             {band.bottom, padding_[3]}},
            attributes(),
            engine()};
  }

  static size_t float_bytes(int64_t rows, const Shape& picture) {
    return round_up(checked_mul(static_cast<size_t>(rows * picture[1] * picture[2]), sizeof(float)), 64);
  }

  // Makes bands of band_rows_ and their primitives; false when one of them would be slow or is impossible.
  bool cut() {
    bands_.clear();
    numbers_.clear();
    primitives_ = std::make_unique<Primitives>(workers_);
    primitive_bytes_ = input_bytes_ = sum_bytes_ = 0;
    for (int64_t first = 0; first < y_[0]; first += band_rows_) bands_.push_back(band_at(first));
    if (std::any_of(bands_.begin(), bands_.end(), [](const Band& b) { return b.input_rows <= 0; })) return false;
    const memory::desc any({w_[0], w_[1], w_[2], w_[3]}, data_type(factor_), memory::format_tag::any);
    packed_ = desc_of(bands_[bands_.size() / 2], any).weights_desc();
    for (const Band& band : bands_) {
      if (is_widened()) input_bytes_ = std::max(input_bytes_, float_bytes(band.input_rows, x_));
      if (sums_ != result_) sum_bytes_ = std::max(sum_bytes_, float_bytes(band.rows, y_));
      if (numbers_.contains(band.kind())) continue;
      const ConvDesc desc = desc_of(band, packed_);
      implementation_ = desc.impl_info_str();
      if (is_reference(implementation_)) return false;
      numbers_[band.kind()] =
          primitives_->add(made<dnnl::convolution_forward>(desc), {{DNNL_ARG_SRC, desc.src_desc()},
                                                                   {DNNL_ARG_BIAS, desc.bias_desc()},
                                                                   {DNNL_ARG_DST, desc.dst_desc()},
                                                                   {DNNL_ARG_SCRATCHPAD, desc.scratchpad_desc()}});
      primitive_bytes_ = std::max(primitive_bytes_, round_up(desc.scratchpad_desc().get_size(), 64));
    }
    weight_ = primitives_->add_shared(packed_);
    return true;
  }

  Shape x_, w_, y_;
  int64_t stride_;
  std::vector<int64_t> padding_;  // top, left, bottom, right
  int workers_;
  DType dtype_, factor_, result_, sums_;  // factor_: what operands are multiplied as; sums_: what the products are
  int64_t band_rows_ = 1;
  std::vector<Band> bands_;
  std::unique_ptr<Primitives> primitives_;
  std::map<std::tuple<int64_t, int64_t, int64_t, int64_t>, size_t> numbers_;  // of primitives, by Band::kind
  memory::desc packed_;
  size_t weight_ = 0;  // the packed weight among the shared operands
  std::string implementation_;
  size_t primitive_bytes_ = 0, input_bytes_ = 0, sum_bytes_ = 0;  // of a worker
};

}  // namespace

std::shared_ptr<const HostKernel> make_onednn_conv2d(const KernelRequest& request, std::string* why_not) {
  const DType dtype = request.inputs[0].dtype;
  // oneDNN's f32 convolution makes f32 only.
  const bool result = is_supported(request.output.dtype) && (dtype == DType::BF16 || request.output.dtype == dtype);
  if (!is_supported(dtype) || request.inputs[1].dtype != dtype || request.precision.compute != dtype || !result ||
      request.inputs[2].dtype != DType::F32) {
    *why_not = fmt::format("x {}, weight {}, computed in {}, result {}: oneDNN convolves f32 to f32, bf16 to either",
                           to_string(dtype), to_string(request.inputs[1].dtype), to_string(request.precision.compute),
                           to_string(request.output.dtype));
    return nullptr;
  }
  if (request.output.shape.elements() == 0 || request.inputs[0].shape.elements() == 0) {
    *why_not = "nothing to convolve";
    return nullptr;
  }
  return make_or_refuse<Conv2d>(request, why_not);
}

}  // namespace newbie::cpu
