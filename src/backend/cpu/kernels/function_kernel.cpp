#include "backend/cpu/kernels/function_kernel.h"

namespace newbie::cpu {

namespace {

class FunctionKernel final : public HostKernel {
 public:
  FunctionKernel(const KernelRequest& request, Recipe recipe)
      : name_(fmt::format("cpu.{}", request.op->name)), threads_(request.threads), recipe_(std::move(recipe)) {}

  size_t scratch_bytes() const override { return recipe_.scratch_bytes; }
  std::optional<size_t> in_place_input() const override { return recipe_.in_place_input; }
  std::string name() const override { return name_; }

  void run(const KernelArgs& args) const override {
    if (args.threads.size() > threads_)
      fail(ErrorKind::Internal, "{}: made for {} threads, run with {}", name_, threads_, args.threads.size());
    recipe_.run(args);
  }

 private:
  std::string name_;
  int threads_;
  Recipe recipe_;
};

}  // namespace

std::shared_ptr<const HostKernel> make_function_kernel(const KernelRequest& request, Recipe recipe) {
  return std::make_shared<FunctionKernel>(request, std::move(recipe));
}

size_t widest_row_bytes(const KernelRequest& request, size_t width) {
  size_t element = size_of(request.output.dtype);
  for (const TensorSpec& in : request.inputs) element = std::max(element, size_of(in.dtype));
  return checked_mul(width, element);
}

std::shared_ptr<const HostKernel> refuse(std::string* why_not, std::string reason) {
  if (why_not != nullptr) *why_not = std::move(reason);
  return nullptr;
}

std::string dtype_refusal(const KernelRequest& request, size_t count) {
  for (size_t i = 0; i < count; ++i)
    if (!is_vector_dtype(request.inputs[i].dtype))
      return fmt::format("input {} is {}, expected f32 or bf16", i, to_string(request.inputs[i].dtype));
  if (!is_vector_dtype(request.output.dtype))
    return fmt::format("result is {}, expected f32 or bf16", to_string(request.output.dtype));
  return {};
}

std::string parameter_refusal(const KernelRequest& request, size_t index) {
  const DType dtype = request.inputs[index].dtype;
  return dtype == DType::F32 ? "" : fmt::format("input {} is {}, expected f32", index, to_string(dtype));
}

}  // namespace newbie::cpu
