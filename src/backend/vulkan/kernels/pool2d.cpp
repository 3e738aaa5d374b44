// Pooling.
#include "backend/vulkan/kernels/kernels.h"

namespace newbie::vulkan {

namespace {

class PoolKernel final : public DeviceKernel {
 public:
  explicit PoolKernel(const KernelRequest& request)
      : op_(request.op->name),
        x_(request.inputs[0].shape),
        y_(request.output.shape),
        kernel_(request.attrs.integer("kernel")),
        stride_(request.attrs.integer("stride")),
        padding_(request.attrs.list("padding")) {
    const auto count = static_cast<int64_t>(y_.elements());
    job_ = {
        .shader = Shader::Pool,
        .constants = {request.op == &average_pool2d_op, dtype_number(request.inputs[0]), dtype_number(request.output)},
        .groups = groups_for(count, 64),
        .work = static_cast<double>(count * kernel_ * kernel_)};
  }

  std::string name() const override { return fmt::format("vulkan.{}", op_); }

  void record(Recorder& recorder, const Addresses& at) const override {
    Push push;
    push.address(at.inputs[0]).address(at.output).count(static_cast<int64_t>(y_.elements())).count(y_[2]);
    push.count(x_[0]).count(x_[1]).count(y_[1]).count(kernel_).count(stride_).count(padding_[0]).count(padding_[1]);
    dispatch(recorder, job_, push);
  }

 private:
  std::string_view op_;
  Shape x_, y_;
  int64_t kernel_, stride_;
  std::vector<int64_t> padding_;
  Job job_;
};

}  // namespace

KernelOrNot make_pool2d(const KernelRequest& request, const Device&, std::string* why_not) {
  if (std::string why = refusal(request); !why.empty()) return refuse(std::move(why), why_not);
  return std::make_shared<PoolKernel>(request);
}

}  // namespace newbie::vulkan
