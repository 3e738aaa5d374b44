// embedding, mean_rows and sum_rows as kernels.
#include "backend/cpu/kernels/embedding.h"
#include "backend/cpu/kernels/function_kernel.h"
#include "backend/cpu/kernels/kernels.h"
#include "core/float_formats.h"
#include "graph/ops/embedding.h"
#include "graph/ops/sums.h"

namespace newbie::cpu {

std::shared_ptr<const HostKernel> make_embedding(const KernelRequest& request, std::string* why_not) {
  if (request.op != &embedding_op) return refuse(why_not, "not an embedding");
  if (request.inputs[0].dtype != DType::I32) return refuse(why_not, "ids are not i32");
  const DType table_dtype = request.inputs[1].dtype;
  if (!is_vector_dtype(table_dtype) && table_dtype != DType::F16)
    return refuse(why_not, fmt::format("table is {}, expected f32, bf16 or f16", to_string(table_dtype)));
  if (auto why = dtype_refusal(request, 0); !why.empty()) return refuse(why_not, why);

  const int64_t vocabulary = request.inputs[1].shape[0], rows = request.output.shape[0];
  const auto width = static_cast<size_t>(request.output.shape[1]);
  const int64_t block = rows_per_task(checked_mul(width, size_of(request.output.dtype)));
  const float scale = round_to(request.precision.compute, static_cast<float>(request.attrs.real("scale")));
  const auto run = [=](const KernelArgs& args) {
    const auto ids = args.inputs[0].span<int32_t>();
    for (size_t i = 0; i < ids.size(); ++i)
      if (ids[i] < 0 || ids[i] >= vocabulary)
        fail(ErrorKind::Internal, "embedding: id {} at row {} is not in a table of {} rows", ids[i], i, vocabulary);
    const Source table(args.inputs[1]);
    const Target y(args.output);
    for_row_blocks(args.threads, rows, block, [&](size_t first, size_t count, int) {
      table_rows(ids.subspan(first, count), table, width, scale, y.at(first * width));
    });
  };
  return make_function_kernel(request, {.run = run});
}

std::shared_ptr<const HostKernel> make_row_sums(const KernelRequest& request, std::string* why_not) {
  const bool mean = request.op == &mean_rows_op;
  if (!mean && request.op != &sum_rows_op) return refuse(why_not, "neither a mean nor a sum over rows");
  if (auto why = dtype_refusal(request, 1); !why.empty()) return refuse(why_not, why);
  const auto rows = static_cast<size_t>(request.inputs[0].shape.rows());
  const int64_t width = request.inputs[0].shape.last();
  const float divisor = mean ? static_cast<float>(rows) : 1.0f;
  const int64_t block = rows_per_task(checked_mul(rows, size_of(request.inputs[0].dtype)));
  const auto run = [=](const KernelArgs& args) {
    const Source x(args.inputs[0]);
    const Target y(args.output);
    for_row_blocks(args.threads, width, block, [&](size_t first, size_t count, int) {
      column_sums(x.at(first), rows, static_cast<size_t>(width), count, divisor, y.at(first));
    });
  };
  return make_function_kernel(request, {.run = run});
}

}  // namespace newbie::cpu
