#include "backend/cpu/emulated_f16.h"

#include <algorithm>

#include "core/checked.h"
#include "core/float_formats.h"

namespace newbie::cpu {

namespace {

void convert_all(ThreadPool& threads, DType from, const std::byte* source, DType to, std::byte* destination,
                 size_t count) {
  constexpr size_t kBlock = 16384;
  threads.run(ceil_div(static_cast<int64_t>(count), static_cast<int64_t>(kBlock)), [&](int64_t task, int) {
    const size_t first = static_cast<size_t>(task) * kBlock;
    convert(from, source + first * size_of(from), to, destination + first * size_of(to),
            std::min(kBlock, count - first));
  });
}

DType widened(DType dtype) { return dtype == DType::F16 ? DType::F32 : dtype; }

class EmulatedF16 final : public HostKernel {
 public:
  EmulatedF16(const KernelRequest& request, const KernelRequest& wide, std::shared_ptr<const HostKernel> kernel)
      : wide_(wide), kernel_(std::move(kernel)) {
    const auto take = [&](size_t bytes) {
      const size_t at = scratch_bytes_;
      scratch_bytes_ = checked_add(scratch_bytes_, round_up(bytes, 64));
      return at;
    };
    for (size_t i = 0; i < request.inputs.size(); ++i) {
      Operand operand{.narrow = request.inputs[i].dtype == DType::F16};
      if (operand.narrow) {
        operand.at = take(wide.inputs[i].bytes());
        operand.layout = kernel_->weight_layout(i);
        if (!operand.layout.key.empty()) operand.packed_at = take(operand.layout.bytes);
      }
      operands_.push_back(std::move(operand));
    }
    narrow_result_ = request.output.dtype == DType::F16;
    if (narrow_result_) result_at_ = take(wide.output.bytes());
    kernel_at_ = take(kernel_->scratch_bytes());
  }

  size_t scratch_bytes() const override { return scratch_bytes_; }
  WeightLayout weight_layout(size_t input) const override {
    return operands_[input].narrow ? WeightLayout{} : kernel_->weight_layout(input);
  }
  std::string name() const override { return "f16 by " + kernel_->name(); }

  void run(const KernelArgs& args) const override {
    std::vector<ConstTensorView> inputs(args.inputs.begin(), args.inputs.end());
    for (size_t i = 0; i < inputs.size(); ++i) {
      const Operand& operand = operands_[i];
      if (!operand.narrow) continue;
      std::byte* wide = args.scratch + operand.at;
      const size_t count = inputs[i].spec.shape.elements();
      convert_all(args.threads, DType::F16, inputs[i].data, DType::F32, wide, count);
      inputs[i] = {wide_.inputs[i], wide};
      if (operand.layout.key.empty()) continue;
      operand.layout.pack(inputs[i], args.scratch + operand.packed_at, args.threads);
      inputs[i].data = args.scratch + operand.packed_at;
    }
    const TensorView result{wide_.output, narrow_result_ ? args.scratch + result_at_ : args.output.data};
    kernel_->run({inputs, result, args.scratch + kernel_at_, args.threads});
    if (narrow_result_)
      convert_all(args.threads, DType::F32, result.data, DType::F16, args.output.data, result.spec.shape.elements());
  }

 private:
  struct Operand {
    bool narrow = false;
    size_t at = 0, packed_at = 0;  // in scratch
    WeightLayout layout;           // of the widened operand
  };

  KernelRequest wide_;
  std::shared_ptr<const HostKernel> kernel_;
  std::vector<Operand> operands_;
  bool narrow_result_ = false;
  size_t result_at_ = 0, kernel_at_ = 0, scratch_bytes_ = 0;
};

}  // namespace

std::shared_ptr<const HostKernel> make_emulated_f16(
    const KernelRequest& request, const std::function<std::shared_ptr<const HostKernel>(const KernelRequest&)>& make) {
  const NumericClass kind = request.op->numeric_class;
  // A table stays where it is: its rows are widened as they are read.
  if (kind == NumericClass::Movement || kind == NumericClass::Cast || request.op->row_table) return nullptr;
  KernelRequest wide = request;
  for (TensorSpec& in : wide.inputs) in.dtype = widened(in.dtype);
  wide.output.dtype = widened(wide.output.dtype);
  wide.precision.storage = wide.output.dtype;
  // Attention rounds its probabilities before they multiply: its kernel has to know.
  if (kind != NumericClass::Attention) wide.precision.compute = widened(wide.precision.compute);
  if (wide.inputs == request.inputs && wide.output == request.output) return nullptr;
  auto kernel = make(wide);
  if (!kernel) return nullptr;
  return std::make_shared<EmulatedF16>(request, wide, std::move(kernel));
}

}  // namespace newbie::cpu
