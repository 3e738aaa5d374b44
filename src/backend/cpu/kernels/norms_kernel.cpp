// rms_norm, the ops fused with it, and layer_norm as kernels.
#include "backend/cpu/kernels/function_kernel.h"
#include "backend/cpu/kernels/gain.h"
#include "backend/cpu/kernels/kernels.h"
#include "backend/cpu/kernels/norms.h"
#include "graph/ops/modulation.h"
#include "graph/ops/norms.h"

namespace newbie::cpu {

namespace {

// Where the operands of an RMS norm are among the inputs; a negative position: it has none.
struct RmsForm {
  const OpDef* op;
  int base, x, weight, row;
  RowFunction row_function;
};
constexpr RmsForm kForms[] = {
    {&rms_norm_op, -1, 0, 1, -1, RowFunction::Itself},
    {&norm_modulate_op, -1, 0, 1, 2, RowFunction::OnePlus},
    {&norm_residual_op, 0, 1, 2, -1, RowFunction::Itself},
    {&norm_gated_residual_op, 0, 1, 2, 3, RowFunction::Tanh},
};

}  // namespace

std::shared_ptr<const HostKernel> make_rms_norm(const KernelRequest& request, std::string* why_not) {
  const auto* form = std::find_if(std::begin(kForms), std::end(kForms), [&](auto& f) { return f.op == request.op; });
  if (form == std::end(kForms)) return refuse(why_not, "not an RMS norm");
  if (auto why = dtype_refusal(request, request.inputs.size()); !why.empty()) return refuse(why_not, why);
  const auto weight = static_cast<size_t>(form->weight);
  if (auto why = parameter_refusal(request, weight); !why.empty()) return refuse(why_not, why);

  const size_t width = request.inputs[weight].shape.elements();
  if (form->row >= 0 && request.inputs[static_cast<size_t>(form->row)].shape.elements() != width)
    return refuse(why_not, "a scale or gate of its own for every row");
  const auto rows = static_cast<int64_t>(request.output.shape.elements() / width);
  const int64_t block = rows_per_task(widest_row_bytes(request, width));
  const auto eps = static_cast<float>(request.attrs.real("eps"));
  const auto offset = static_cast<float>(request.attrs.real("offset"));

  const auto run = [=](const KernelArgs& args) {
    const auto source = [&](int input) { return Source(args.inputs[static_cast<size_t>(input)]); };
    auto* gain = reinterpret_cast<float*>(args.scratch);
    make_gain(source(form->weight).as<float>(), offset, form->row_function,
              form->row < 0 ? Source() : source(form->row), width, gain);
    const Source x = source(form->x);
    const Source base = form->base < 0 ? Source() : source(form->base);
    const Target y(args.output);
    for_row_blocks(args.threads, rows, block, [&](size_t first, size_t count, int) {
      const size_t at = first * width;
      if (form->base < 0) {
        rms_norm_rows(x.at(at), gain, eps, count, width, y.at(at));
      } else {
        rms_norm_residual_rows(base.at(at), x.at(at), gain, eps, count, width, y.at(at));
      }
    });
  };
  return make_function_kernel(request, {run, checked_mul(width, sizeof(float)), 0});
}

std::shared_ptr<const HostKernel> make_layer_norm(const KernelRequest& request, std::string* why_not) {
  if (request.op != &layer_norm_op) return refuse(why_not, "not a layer norm");
  if (auto why = dtype_refusal(request, 1); !why.empty()) return refuse(why_not, why);
  const bool affine = request.inputs.size() == 3;
  for (size_t i = 1; i < request.inputs.size(); ++i)
    if (auto why = parameter_refusal(request, i); !why.empty()) return refuse(why_not, why);

  const auto width = static_cast<size_t>(request.output.shape.last());
  const int64_t rows = request.output.shape.rows(), block = rows_per_task(widest_row_bytes(request, width));
  const auto eps = static_cast<float>(request.attrs.real("eps"));
  const auto run = [=](const KernelArgs& args) {
    const float* weight = affine ? args.inputs[1].as<float>() : nullptr;
    const float* bias = affine ? args.inputs[2].as<float>() : nullptr;
    const Source x(args.inputs[0]);
    const Target y(args.output);
    for_row_blocks(args.threads, rows, block, [&](size_t first, size_t count, int) {
      layer_norm_rows(x.at(first * width), weight, bias, eps, count, width, y.at(first * width));
    });
  };
  return make_function_kernel(request, {.run = run, .in_place_input = 0});
}

}  // namespace newbie::cpu
