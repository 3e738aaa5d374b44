// Element-wise ops, gates and modulations as kernels.
#include "backend/cpu/kernels/elementwise.h"
#include "backend/cpu/kernels/function_kernel.h"
#include "backend/cpu/kernels/gain.h"
#include "backend/cpu/kernels/kernels.h"
#include "graph/ops/cast.h"
#include "graph/ops/elementwise.h"
#include "graph/ops/gated_activation.h"
#include "graph/ops/modulation.h"

namespace newbie::cpu {

namespace {

template <typename Meaning>
struct Row {
  const OpDef* op;
  Meaning meaning;
};

constexpr Row<Function> kFunctions[] = {
    {&cast_op, Function::Itself},
    {&silu_op, Function::Silu},
    {&gelu_tanh_op, Function::GeluTanh},
    {&gelu_erf_op, Function::GeluErf},
    {&tanh_op, Function::Tanh},
    {&relu_op, Function::Relu},
    {&add_scalar_op, Function::AddScalar},
    {&mul_scalar_op, Function::MulScalar},
};

constexpr Row<Pairing> kPairings[] = {
    {&add_op, Pairing::Sum},
    {&mul_op, Pairing::Product},
    {&swiglu_op, Pairing::Swiglu},
    {&geglu_tanh_op, Pairing::GegluTanh},
    {&silu_gradient_op, Pairing::SiluGradient},
};

template <typename Meaning, size_t N>
std::optional<Meaning> find(const Row<Meaning> (&rows)[N], const OpDef* op) {
  for (const Row<Meaning>& row : rows)
    if (row.op == op) return row.meaning;
  return std::nullopt;
}

// Elements of the result, and how many of them make a task.
struct Elements {
  int64_t count, block;
};
Elements elements_of(const KernelRequest& request) {
  return {static_cast<int64_t>(request.output.shape.elements()), rows_per_task(widest_row_bytes(request, 1))};
}

// An operand that is one row for every row of the result, as f32 factors or summands in scratch; then
// f(args, row, first row, count, width) for blocks of rows.
template <typename F>
std::shared_ptr<const HostKernel> row_kernel(const KernelRequest& request, size_t row_input, RowFunction function,
                                             F f) {
  const auto width = static_cast<size_t>(request.output.shape.last());
  const int64_t rows = request.output.shape.rows(), block = rows_per_task(widest_row_bytes(request, width));
  const auto run = [=](const KernelArgs& args) {
    auto* row = reinterpret_cast<float*>(args.scratch);
    make_gain(nullptr, 0.0f, function, Source(args.inputs[row_input]), width, row);
    for_row_blocks(args.threads, rows, block,
                   [&](size_t first, size_t count, int) { f(args, row, first, count, width); });
  };
  return make_function_kernel(request, {run, checked_mul(width, sizeof(float)), 0});
}

}  // namespace

std::shared_ptr<const HostKernel> make_map(const KernelRequest& request, std::string* why_not) {
  const auto function = find(kFunctions, request.op);
  if (!function) return refuse(why_not, "not a function of one value");
  if (auto why = dtype_refusal(request, 1); !why.empty()) return refuse(why_not, why);
  const bool with_scalar = *function == Function::AddScalar || *function == Function::MulScalar;
  const float scalar = with_scalar ? static_cast<float>(request.attrs.real("scalar")) : 0.0f;
  const auto run = [f = *function, scalar, e = elements_of(request)](const KernelArgs& args) {
    const Source x(args.inputs[0]);
    const Target y(args.output);
    for_row_blocks(args.threads, e.count, e.block,
                   [&](size_t first, size_t count, int) { map_elements(f, scalar, x.at(first), count, y.at(first)); });
  };
  return make_function_kernel(request, {.run = run, .in_place_input = 0});
}

std::shared_ptr<const HostKernel> make_combination(const KernelRequest& request, std::string* why_not) {
  const auto pairing = find(kPairings, request.op);
  if (!pairing) return refuse(why_not, "not a sum or product of two");
  if (auto why = dtype_refusal(request, 2); !why.empty()) return refuse(why_not, why);
  const bool gated = *pairing != Pairing::Sum && *pairing != Pairing::Product;
  if (gated && request.inputs[0].dtype != request.inputs[1].dtype)
    return refuse(why_not, fmt::format("gate is {}, up is {}: expected one dtype", to_string(request.inputs[0].dtype),
                                       to_string(request.inputs[1].dtype)));

  if (broadcasts_row(request.inputs[0].shape, request.inputs[1].shape)) {
    const bool sum = *pairing == Pairing::Sum;
    return row_kernel(request, 1, RowFunction::Itself,
                      [sum](const KernelArgs& args, const float* row, size_t first, size_t count, size_t width) {
                        const Source x = Source(args.inputs[0]).at(first * width);
                        const Target y = Target(args.output).at(first * width);
                        sum ? add_row(x, row, count, width, y) : scale_rows(x, row, count, width, y);
                      });
  }
  const auto run = [p = *pairing, e = elements_of(request)](const KernelArgs& args) {
    const Source a(args.inputs[0]), b(args.inputs[1]);
    const Target y(args.output);
    for_row_blocks(args.threads, e.count, e.block, [&](size_t first, size_t count, int) {
      combine_elements(p, a.at(first), b.at(first), count, y.at(first));
    });
  };
  return make_function_kernel(request, {.run = run, .in_place_input = 0});
}

std::shared_ptr<const HostKernel> make_modulation(const KernelRequest& request, std::string* why_not) {
  const bool gate = request.op == &gated_residual_op;
  if (!gate && request.op != &modulate_op) return refuse(why_not, "neither a modulation nor a gated residual");
  if (auto why = dtype_refusal(request, request.inputs.size()); !why.empty()) return refuse(why_not, why);
  const size_t row_input = gate ? 2 : 1;
  if (request.output.shape.rank() == 0 ||
      request.inputs[row_input].shape.elements() != static_cast<size_t>(request.output.shape.last()))
    return refuse(why_not, "a scale or gate of its own for every row");
  return row_kernel(request, row_input, gate ? RowFunction::Tanh : RowFunction::OnePlus,
                    [gate](const KernelArgs& args, const float* row, size_t first, size_t count, size_t width) {
                      const Source x = Source(args.inputs[0]).at(first * width);
                      const Target y = Target(args.output).at(first * width);
                      if (gate) {
                        add_scaled_rows(x, Source(args.inputs[1]).at(first * width), row, count, width, y);
                      } else {
                        scale_rows(x, row, count, width, y);
                      }
                    });
}

}  // namespace newbie::cpu
