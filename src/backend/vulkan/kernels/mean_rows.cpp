// The mean over rows.
#include "backend/vulkan/kernels/kernels.h"

namespace newbie::vulkan {

namespace {

class MeanRowsKernel final : public DeviceKernel {
 public:
  explicit MeanRowsKernel(const KernelRequest& request) : x_(request.inputs[0].shape) {
    job_ = {.shader = Shader::MeanRows,
            .constants = {dtype_number(request.inputs[0]), dtype_number(request.output)},
            .groups = groups_for(x_[1], 64),
            .work = kWorkOfElement * static_cast<double>(x_.elements())};
  }

  std::string name() const override { return "vulkan.mean_rows"; }

  void record(Recorder& recorder, const Addresses& at) const override {
    Push push;
    push.address(at.inputs[0]).address(at.output).count(x_[0]).count(x_[1]);
    dispatch(recorder, job_, push);
  }

 private:
  Shape x_;
  Job job_;
};

}  // namespace

KernelOrNot make_mean_rows(const KernelRequest& request, const Traits& traits, std::string* why_not) {
  if (std::string why = refusal(request); !why.empty()) return refuse(std::move(why), why_not);
  if (std::string why = refuse_turns(request.inputs[0].shape.rows(), traits); !why.empty())
    return refuse(std::move(why), why_not);
  return std::make_shared<MeanRowsKernel>(request);
}

}  // namespace newbie::vulkan
