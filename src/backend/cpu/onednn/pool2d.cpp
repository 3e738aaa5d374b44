// Pooling by oneDNN, one task for the whole picture: it is a small part of any network beside its convolutions.
#include "graph/ops/pool2d.h"

#include <algorithm>

#include "backend/cpu/onednn/kernels.h"
#include "backend/cpu/onednn/primitive.h"

namespace newbie::cpu {

namespace {

using namespace onednn;
using dnnl::memory;

class Pool2d final : public HostKernel {
 public:
  explicit Pool2d(const KernelRequest& request) : primitives_(1) { add_primitive(request); }

  size_t scratch_bytes() const override { return scratch_bytes_; }
  std::string name() const override { return "onednn.pool2d " + implementation_; }

  void run(const KernelArgs& args) const override {
    const Primitives::Run run = primitives_.begin();
    args.threads.run(1, [&](int64_t, int) {
      const OneThread alone;
      run.execute(0, 0, {args.inputs[0].data, args.output.data, args.scratch});
    });
  }

 private:
  void add_primitive(const KernelRequest& request) {
    const Shape &x = request.inputs[0].shape, &y = request.output.shape;
    const int64_t kernel = request.attrs.integer("kernel"), stride = request.attrs.integer("stride");
    const auto& padding = request.attrs.list("padding");
    const auto picture = [&](const Shape& shape) {
      return memory::desc({1, shape[2], shape[0], shape[1]}, data_type(request.output.dtype), memory::format_tag::nhwc);
    };
    // What the last window reads beyond the picture; where the stride leaves pixels over, nothing.
    const auto behind = [&](int axis, int64_t before) {
      return std::max<int64_t>(0, (y[axis] - 1) * stride + kernel - x[axis] - before);
    };
    const dnnl::pooling_forward::primitive_desc desc(
        {dnnl::prop_kind::forward_inference,
         request.op == &max_pool2d_op ? dnnl::algorithm::pooling_max : dnnl::algorithm::pooling_avg_exclude_padding,
         picture(x),
         picture(y),
         {stride, stride},
         {kernel, kernel},
         {padding[0], padding[1]},
         {behind(0, padding[0]), behind(1, padding[1])}},
        attributes(), engine());
    implementation_ = desc.impl_info_str();
    require_fast(implementation_, fmt::format("pooling {}", x.str()));
    scratch_bytes_ = desc.scratchpad_desc().get_size();
    primitives_.add(made<dnnl::pooling_forward>(desc), {{DNNL_ARG_SRC, desc.src_desc()},
                                                        {DNNL_ARG_DST, desc.dst_desc()},
                                                        {DNNL_ARG_SCRATCHPAD, desc.scratchpad_desc()}});
  }

  std::string implementation_;
  size_t scratch_bytes_ = 0;
  Primitives primitives_;
};

}  // namespace

std::shared_ptr<const HostKernel> make_onednn_pool2d(const KernelRequest& request, std::string* why_not) {
  const DType dtype = request.inputs[0].dtype;
  if (!is_supported(dtype) || request.output.dtype != dtype) {
    *why_not = fmt::format("x {}, result {}: oneDNN pools f32 to f32, bf16 to bf16", to_string(dtype),
                           to_string(request.output.dtype));
    return nullptr;
  }
  if (request.output.shape.elements() == 0) {
    *why_not = "nothing to pool";
    return nullptr;
  }
  return make_or_refuse<Pool2d>(request, why_not);
}

}  // namespace newbie::cpu
