// attention_softmax and its gradient as kernels: what attention's way back is made of.
#include <algorithm>

#include "backend/cpu/kernels/elementwise.h"
#include "backend/cpu/kernels/function_kernel.h"
#include "backend/cpu/kernels/kernels.h"
#include "backend/cpu/kernels/softmax_rows.h"
#include "graph/ops/attention.h"

namespace newbie::cpu {

namespace {

std::shared_ptr<const HostKernel> make_forward(const KernelRequest& request) {
  const Shape shape = request.output.shape;
  const auto queries = shape[1], keys = shape[2];
  const auto n = static_cast<size_t>(keys);
  const auto scale = static_cast<float>(request.attrs.real("scale"));
  const bool causal = request.attrs.integer("causal") != 0;
  const int64_t window = request.attrs.integer("window"), block = rows_per_task(widest_row_bytes(request, n));
  // A worker's row in f32: of scores that are not, and of what is divided by their sum before it is rounded.
  const size_t row_bytes = round_up(checked_mul(n, sizeof(float)), 64);
  const auto run = [=](const KernelArgs& args) {
    const Source scores(args.inputs[0]);
    const Target y(args.output);
    for_row_blocks(args.threads, shape.rows(), block, [&](size_t first, size_t count, int worker) {
      auto* wide = reinterpret_cast<float*>(args.scratch + row_bytes * static_cast<size_t>(worker));
      const Target unscaled(reinterpret_cast<std::byte*>(wide), DType::F32);
      for (size_t row = first; row < first + count; ++row) {
        const KeyRange seen = visible_keys(static_cast<int64_t>(row) % queries, keys, causal, window);
        const float* from = scores.at(row * n).as<float>();
        if (scores.dtype != DType::F32) {
          map_elements(Function::Itself, 0.0f, scores.at(row * n), n, unscaled);
          from = wide;
        }
        const SoftmaxRow form{.first = static_cast<size_t>(seen.first),
                              .last = static_cast<size_t>(std::max(seen.first, seen.last)),
                              .keys = n,
                              .scale = scale};
        const float total = softmax_row(from, form, unscaled);
        scale_row(wide, n, form.first < form.last ? 1.0f / total : 0.0f, y.at(row * n));
      }
    });
  };
  return make_function_kernel(request, {run, checked_mul(row_bytes, static_cast<size_t>(request.threads)), 0});
}

std::shared_ptr<const HostKernel> make_gradient(const KernelRequest& request) {
  const auto n = static_cast<size_t>(request.output.shape.last());
  const auto scale = static_cast<float>(request.attrs.real("scale"));
  const auto run = [=, rows = request.output.shape.rows(),
                    block = rows_per_task(widest_row_bytes(request, n))](const KernelArgs& args) {
    const Source p(args.inputs[0]), dp(args.inputs[1]);
    const Target y(args.output);
    for_row_blocks(args.threads, rows, block, [&](size_t first, size_t count, int) {
      for (size_t row = first; row < first + count; ++row)
        softmax_gradient_row(p.at(row * n), dp.at(row * n), scale, n, y.at(row * n));
    });
  };
  return make_function_kernel(request, {.run = run, .in_place_input = 1});
}

}  // namespace

std::shared_ptr<const HostKernel> make_softmax(const KernelRequest& request, std::string* why_not) {
  const bool forward = request.op == &attention_softmax_op;
  if (!forward && request.op != &attention_softmax_gradient_op) return refuse(why_not, "not a softmax of scores");
  if (auto why = dtype_refusal(request, request.inputs.size()); !why.empty()) return refuse(why_not, why);
  if (request.output.shape.elements() == 0) return refuse(why_not, "no scores");
  return forward ? make_forward(request) : make_gradient(request);
}

}  // namespace newbie::cpu
