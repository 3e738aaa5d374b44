// Ops that look at one number of each operand at a time: a row of the table, and a case of shaders/pointwise.comp.
#include "backend/vulkan/kernels/kernels.h"

namespace newbie::vulkan {

namespace {

struct Function {
  const OpDef* op;
  uint32_t number;  // in the shader
  bool scalar = false;
};

const Function kFunctions[] = {
    {&cast_op, 0},
    {&silu_op, 1},
    {&gelu_tanh_op, 2},
    {&gelu_erf_op, 3},
    {&tanh_op, 4},
    {&relu_op, 5},
    {&add_scalar_op, 6, true},
    {&mul_scalar_op, 7, true},
    {&add_op, 8},
    {&mul_op, 9},
    {&swiglu_op, 10},
    {&geglu_tanh_op, 11},
    {&modulate_op, 12},
    {&gated_residual_op, 13},
};

class PointwiseKernel final : public DeviceKernel {
 public:
  PointwiseKernel(const KernelRequest& request, const Function& function)
      : op_(request.op->name),
        count_(static_cast<int64_t>(request.output.shape.elements())),
        scalar_(function.scalar ? request.attrs.real("scalar") : 0) {
    const auto dtype = [&](size_t i) { return i < request.inputs.size() ? dtype_number(request.inputs[i]) : 0; };
    for (size_t i = 1; i < request.inputs.size(); ++i)
      rows_[i - 1] = static_cast<int64_t>(request.inputs[i].shape.elements());
    job_ = {.shader = Shader::Pointwise,
            .constants = {function.number, dtype(0), dtype(1), dtype(2), dtype_number(request.output),
                          static_cast<uint32_t>(request.inputs.size()), rows_[0] != count_, rows_[1] != count_},
            .groups = groups_for(count_, 64),
            .work = kWorkOfElement * static_cast<double>(count_)};
  }

  std::string name() const override { return fmt::format("vulkan.{}", op_); }
  std::optional<size_t> in_place_input() const override { return 0; }

  void record(Recorder& recorder, const Addresses& at) const override {
    Push push;
    for (size_t i = 0; i < 3; ++i) push.address(i < at.inputs.size() ? at.inputs[i] : nullptr);
    push.address(at.output).count(count_).count(rows_[0]).count(rows_[1]).real(scalar_);
    dispatch(recorder, job_, push);
  }

 private:
  std::string_view op_;
  int64_t count_;
  int64_t rows_[2] = {0, 0};  // numbers of the second and third operand
  double scalar_;
  Job job_;
};

}  // namespace

KernelOrNot make_pointwise(const KernelRequest& request, const Traits&, std::string* why_not) {
  if (std::string why = refusal(request); !why.empty()) return refuse(std::move(why), why_not);
  for (const Function& function : kFunctions)
    if (function.op == request.op) return std::make_shared<PointwiseKernel>(request, function);
  return refuse("the shader has no such function", why_not);
}

}  // namespace newbie::vulkan
