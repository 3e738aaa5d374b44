// rope and norm_rope as kernels.
#include "backend/cpu/kernels/function_kernel.h"
#include "backend/cpu/kernels/gain.h"
#include "backend/cpu/kernels/kernels.h"
#include "backend/cpu/kernels/rope.h"

namespace newbie::cpu {

std::shared_ptr<const HostKernel> make_rope(const KernelRequest& request, std::string* why_not) {
  const bool norm = request.op == &norm_rope_op;
  if (!norm && request.op != &rope_op) return refuse(why_not, "not a rotary embedding");
  if (auto why = dtype_refusal(request, 1); !why.empty()) return refuse(why_not, why);
  for (size_t i = 1; i < request.inputs.size(); ++i)
    if (auto why = parameter_refusal(request, i); !why.empty()) return refuse(why_not, why);

  const size_t tables = norm ? 2 : 1;
  const size_t half = static_cast<size_t>(request.inputs[tables].shape[1]), n = 2 * half;
  const auto width = static_cast<size_t>(request.output.shape[1]);
  const RopeHeads heads{.heads = width / n,
                        .head_size = n,
                        .layout = static_cast<RopeLayout>(request.attrs.integer("layout")),
                        .eps = norm ? static_cast<float>(request.attrs.real("eps")) : 0.0f};
  const auto offset = norm ? static_cast<float>(request.attrs.real("offset")) : 0.0f;
  const int64_t rows = request.output.shape[0], block = rows_per_task(widest_row_bytes(request, width));

  const auto run = [=](const KernelArgs& args) {
    RopeHeads form = heads;
    auto* gain = reinterpret_cast<float*>(args.scratch);
    float* workers = gain + n;
    if (norm) {
      make_gain(args.inputs[1].as<float>(), offset, RowFunction::Itself, Source(), n, gain);
      form.gain = gain;
    }
    const Source x(args.inputs[0]);
    const Target y(args.output);
    for_row_blocks(args.threads, rows, block, [&](size_t first, size_t count, int worker) {
      rope_rows(form, x.at(first * width), args.inputs[tables].as<float>() + first * half,
                args.inputs[tables + 1].as<float>() + first * half, count, y.at(first * width),
                workers + static_cast<size_t>(worker) * 2 * n);
    });
  };
  const size_t floats = checked_add(n, checked_mul(2 * n, static_cast<size_t>(request.threads)));
  return make_function_kernel(request, {run, checked_mul(floats, sizeof(float)), 0});
}

}  // namespace newbie::cpu
