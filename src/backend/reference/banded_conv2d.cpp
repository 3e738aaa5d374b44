// banded_conv2d as its parts, one after the other, on whole pictures.
#include "graph/ops/banded_conv2d.h"

#include <memory>

#include "backend/reference/loops.h"
#include "graph/ops/conv2d.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/group_norm_silu.h"
#include "graph/ops/movement.h"

namespace newbie::reference {

namespace {

// One part: its operands are the result of the part before (kPrevious) or operands of the op.
struct Part {
  static constexpr size_t kPrevious = SIZE_MAX;
  Loops loops;
  std::vector<size_t> operands;
  TensorSpec output;
  size_t at = 0;  // of its result in the doubles of the first worker; the last part has none
};

}  // namespace

Loops banded_conv2d_loops(const KernelRequest& request) {
  const BandedConv c = BandedConv::from(request.attrs);
  const DType inside = request.precision.compute;
  auto parts = std::make_shared<std::vector<Part>>();
  TensorSpec previous = request.inputs[0];
  size_t previous_operand = 0;
  const auto add = [&](const OpDef& op, Attrs attrs, Loops (*make)(const KernelRequest&), const Shape& shape,
                       std::vector<size_t> operands, OpPrecision precision, DType result) {
    KernelRequest part{.op = &op,
                       .attrs = std::move(attrs),
                       .output = {shape, result},
                       .precision = precision,
                       .threads = request.threads};
    for (size_t& i : operands) {
      if (i == Part::kPrevious) i = previous_operand;
      part.inputs.push_back(i == Part::kPrevious ? previous : request.inputs[i]);
    }
    parts->push_back({make(part), std::move(operands), part.output, 0});
    previous = part.output;
    previous_operand = Part::kPrevious;
  };
  const DType accumulate = request.precision.accumulate;
  const OpPrecision elements{inside, DType::F32, accumulate}, matrix{inside, inside, accumulate};
  const Shape& x = request.inputs[0].shape;
  const Shape middle = c.middle(x, c.first ? request.inputs[1].shape : Shape{});
  const auto conv = [](std::vector<int64_t> padding) {
    return Attrs{{"stride", int64_t{1}}, {"padding", std::move(padding)}};
  };
  if (c.upsampled)
    add(upsample_nearest_op, {}, upsample_nearest_loops, {2 * x[0], 2 * x[1], x[2]}, {Part::kPrevious}, elements,
        request.inputs[0].dtype);
  if (c.first) add(conv2d_op, conv({1, 1, 1, 1}), conv2d_loops, middle, {Part::kPrevious, 1, 2}, matrix, inside);
  if (c.groups > 0)
    add(group_norm_silu_op, {{"groups", c.groups}, {"eps", c.eps}}, group_norm_silu_loops, middle,
        {Part::kPrevious, c.norm_weight(), c.norm_weight() + 1}, elements, inside);
  add(conv2d_op, conv(c.padding), conv2d_loops, request.output.shape, {Part::kPrevious, c.weight(), c.weight() + 1},
      matrix, c.residual ? inside : request.output.dtype);
  if (c.residual)
    add(add_op, {}, add_loops, request.output.shape, {c.residual_operand(), Part::kPrevious}, elements,
        request.output.dtype);

  // Working memory of the parts first, their results behind it.
  size_t spare = 0, doubles = 0;
  for (const Part& part : *parts) spare = std::max(spare, part.loops.doubles_per_worker);
  const size_t workers = checked_mul(spare, static_cast<size_t>(request.threads));
  for (size_t i = 0; i + 1 < parts->size(); ++i) {
    (*parts)[i].at = workers + doubles;
    doubles = checked_add(doubles, (*parts)[i].output.bytes() / sizeof(double) + 1);
  }
  // The results are shared: enough for them when every worker has as much.
  const size_t each = spare + static_cast<size_t>(ceil_div(static_cast<int64_t>(doubles), request.threads));
  const auto run = [parts, spare](const KernelArgs& args, const WorkerScratch& scratch) {
    double* base = scratch.of(0);
    ConstTensorView last;
    for (const Part& part : *parts) {
      std::vector<ConstTensorView> in;
      for (size_t i : part.operands) in.push_back(i == Part::kPrevious ? last : args.inputs[i]);
      const bool final = &part == &parts->back();
      const TensorView out{part.output, final ? args.output.data : reinterpret_cast<std::byte*>(base + part.at)};
      part.loops.run({in, out, args.scratch, args.threads}, {reinterpret_cast<std::byte*>(base), spare});
      last = out;
    }
  };
  return {.run = run, .doubles_per_worker = each};
}

}  // namespace newbie::reference
