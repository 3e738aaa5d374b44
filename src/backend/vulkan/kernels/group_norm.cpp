// Group norms of pictures: sums of pieces first, so that all of a device works on them.
#include <algorithm>

#include "backend/vulkan/kernels/kernels.h"

namespace newbie::vulkan {

namespace {

constexpr int64_t kMostPieces = 64, kPixelsOfAPiece = 256;

class GroupNormKernel final : public DeviceKernel {
 public:
  explicit GroupNormKernel(const KernelRequest& request)
      : op_(request.op->name),
        pixels_(request.output.shape.rows()),
        channels_(request.output.shape.last()),
        groups_(request.attrs.integer("groups")),
        pieces_(std::clamp<int64_t>(pixels_ / kPixelsOfAPiece, 1, kMostPieces)),
        eps_(request.attrs.real("eps")) {
    const double work = kWorkOfElement * static_cast<double>(pixels_) * static_cast<double>(channels_);
    const auto job = [&](uint32_t stage, Groups groups, double of_all) {
      return Job{.shader = Shader::GroupNorm,
                 .constants = {stage, dtype_number(request.inputs[0]), dtype_number(request.inputs[1]),
                               dtype_number(request.inputs[2]), dtype_number(request.output),
                               request.op == &group_norm_silu_op},
                 .groups = groups,
                 .work = of_all};
    };
    pieces_job_ = job(0, {static_cast<uint32_t>(pieces_), static_cast<uint32_t>(groups_), 1}, work);
    union_job_ = job(1, groups_for(groups_, 64), 0);
    numbers_job_ = job(2, groups_for(pixels_ * channels_, 64), work);
  }

  std::string name() const override { return fmt::format("vulkan.{}", op_); }
  std::optional<size_t> in_place_input() const override { return 0; }
  size_t scratch_bytes() const override { return static_cast<size_t>(groups_ * (pieces_ + 1) * 2) * sizeof(float); }

  void record(Recorder& recorder, const Addresses& at) const override {
    if (pixels_ == 0) return;
    Push push;
    push.address(at.inputs[0]).address(at.inputs[1]).address(at.inputs[2]).address(at.output).address(at.scratch);
    push.count(pixels_).count(channels_).count(groups_).count(pieces_).real(eps_);
    dispatch(recorder, pieces_job_, push);
    recorder.barrier();
    dispatch(recorder, union_job_, push);
    recorder.barrier();
    dispatch(recorder, numbers_job_, push);
  }

 private:
  std::string_view op_;
  int64_t pixels_, channels_, groups_, pieces_;
  double eps_;
  Job pieces_job_, union_job_, numbers_job_;
};

}  // namespace

KernelOrNot make_group_norm(const KernelRequest& request, const Traits&, std::string* why_not) {
  if (std::string why = refusal(request); !why.empty()) return refuse(std::move(why), why_not);
  if (request.attrs.integer("groups") > kMostGroups) return refuse("it has more groups than a dispatch", why_not);
  return std::make_shared<GroupNormKernel>(request);
}

}  // namespace newbie::vulkan
