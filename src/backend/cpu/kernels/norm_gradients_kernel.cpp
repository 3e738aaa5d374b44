// rms_norm_gradient and layer_norm_gradient as kernels.
#include "backend/cpu/kernels/function_kernel.h"
#include "backend/cpu/kernels/gain.h"
#include "backend/cpu/kernels/kernels.h"
#include "backend/cpu/kernels/norm_gradients.h"
#include "graph/ops/norms.h"

namespace newbie::cpu {

namespace {

std::shared_ptr<const HostKernel> make_rms(const KernelRequest& request, std::string* why_not) {
  if (auto why = parameter_refusal(request, 1); !why.empty()) return refuse(why_not, why);
  const size_t width = request.inputs[1].shape.elements();
  const auto rows = static_cast<int64_t>(request.output.shape.elements() / width);
  const int64_t block = rows_per_task(widest_row_bytes(request, width));
  const auto eps = static_cast<float>(request.attrs.real("eps"));
  const auto offset = static_cast<float>(request.attrs.real("offset"));
  const auto run = [=](const KernelArgs& args) {
    auto* gain = reinterpret_cast<float*>(args.scratch);
    make_gain(args.inputs[1].as<float>(), offset, RowFunction::Itself, {}, width, gain);
    const Source x(args.inputs[0]), dy(args.inputs[2]);
    const Target y(args.output);
    for_row_blocks(args.threads, rows, block, [&](size_t first, size_t count, int) {
      const size_t at = first * width;
      rms_norm_gradient_rows(x.at(at), gain, dy.at(at), eps, count, width, y.at(at));
    });
  };
  return make_function_kernel(request, {run, checked_mul(width, sizeof(float)), 2});
}

std::shared_ptr<const HostKernel> make_layer(const KernelRequest& request, std::string* why_not) {
  const bool weighted = request.inputs.size() == 3;
  if (weighted)
    if (auto why = parameter_refusal(request, 2); !why.empty()) return refuse(why_not, why);
  const auto width = static_cast<size_t>(request.output.shape.last());
  const int64_t rows = request.output.shape.rows(), block = rows_per_task(widest_row_bytes(request, width));
  const auto eps = static_cast<float>(request.attrs.real("eps"));
  const auto run = [=](const KernelArgs& args) {
    const float* weight = weighted ? args.inputs[2].as<float>() : nullptr;
    const Source x(args.inputs[0]), dy(args.inputs[1]);
    const Target y(args.output);
    for_row_blocks(args.threads, rows, block, [&](size_t first, size_t count, int) {
      const size_t at = first * width;
      layer_norm_gradient_rows(x.at(at), weight, dy.at(at), eps, count, width, y.at(at));
    });
  };
  return make_function_kernel(request, {.run = run, .in_place_input = 1});
}

}  // namespace

std::shared_ptr<const HostKernel> make_norm_gradient(const KernelRequest& request, std::string* why_not) {
  const bool rms = request.op == &rms_norm_gradient_op;
  if (!rms && request.op != &layer_norm_gradient_op) return refuse(why_not, "not the gradient of a norm");
  if (auto why = dtype_refusal(request, request.inputs.size()); !why.empty()) return refuse(why_not, why);
  if (request.output.shape.elements() == 0) return refuse(why_not, "no rows");
  return rms ? make_rms(request, why_not) : make_layer(request, why_not);
}

}  // namespace newbie::cpu
