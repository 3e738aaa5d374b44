// What a reference kernel is made of, and one maker an op. The arithmetic is plain loops in double, rounded once when a
// result is stored: slow enough to be believed, quick enough for tests and for ops without a fast kernel.
#pragma once

#include <algorithm>
#include <functional>
#include <optional>

#include "backend/backend.h"

namespace newbie::reference {

// Working memory of one worker inside the kernel's scratch.
class WorkerScratch {
 public:
  WorkerScratch(std::byte* scratch, size_t doubles) : scratch_(reinterpret_cast<double*>(scratch)), doubles_(doubles) {}
  double* of(int worker) const { return scratch_ + static_cast<size_t>(worker) * doubles_; }

 private:
  double* scratch_;
  size_t doubles_;
};

struct Loops {
  std::function<void(const KernelArgs& args, const WorkerScratch& scratch)> run;
  size_t doubles_per_worker = 0;
  std::optional<size_t> in_place_input;
};

// f(first, last, worker) for consecutive blocks of [0, count); the borders depend on `block` alone.
template <typename Function>
void for_blocks(ThreadPool& threads, int64_t count, int64_t block, const Function& f) {
  threads.run(ceil_div(count, block),
              [&](int64_t task, int worker) { f(task * block, std::min(count, (task + 1) * block), worker); });
}

// Rows of `width` elements that make a task worth handing out.
inline int64_t rows_per_task(int64_t width) { return std::max<int64_t>(1, 8192 / std::max<int64_t>(1, width)); }

Loops cast_loops(const KernelRequest& request);
Loops linear_loops(const KernelRequest& request);
Loops linear_add_loops(const KernelRequest& request);
Loops linear_transposed_loops(const KernelRequest& request);
Loops batched_matmul_loops(const KernelRequest& request);
Loops batched_outer_loops(const KernelRequest& request);
Loops conv2d_loops(const KernelRequest& request);
Loops banded_conv2d_loops(const KernelRequest& request);
Loops max_pool2d_loops(const KernelRequest& request);
Loops average_pool2d_loops(const KernelRequest& request);
Loops attention_loops(const KernelRequest& request);
Loops attention_softmax_loops(const KernelRequest& request);
Loops attention_softmax_gradient_loops(const KernelRequest& request);
Loops rms_norm_loops(const KernelRequest& request);
Loops layer_norm_loops(const KernelRequest& request);
Loops rms_norm_gradient_loops(const KernelRequest& request);
Loops layer_norm_gradient_loops(const KernelRequest& request);
Loops group_norm_loops(const KernelRequest& request);
Loops group_norm_silu_loops(const KernelRequest& request);
Loops silu_loops(const KernelRequest& request);
Loops gelu_tanh_loops(const KernelRequest& request);
Loops gelu_erf_loops(const KernelRequest& request);
Loops tanh_loops(const KernelRequest& request);
Loops relu_loops(const KernelRequest& request);
Loops add_scalar_loops(const KernelRequest& request);
Loops mul_scalar_loops(const KernelRequest& request);
Loops add_loops(const KernelRequest& request);
Loops mul_loops(const KernelRequest& request);
Loops silu_gradient_loops(const KernelRequest& request);
Loops dropout_loops(const KernelRequest& request);
Loops swiglu_loops(const KernelRequest& request);
Loops geglu_tanh_loops(const KernelRequest& request);
Loops modulate_loops(const KernelRequest& request);
Loops gated_residual_loops(const KernelRequest& request);
Loops norm_modulate_loops(const KernelRequest& request);
Loops norm_gated_residual_loops(const KernelRequest& request);
Loops norm_residual_loops(const KernelRequest& request);
Loops rope_loops(const KernelRequest& request);
Loops norm_rope_loops(const KernelRequest& request);
Loops embedding_loops(const KernelRequest& request);
Loops timestep_embedding_loops(const KernelRequest& request);
Loops mean_rows_loops(const KernelRequest& request);
Loops sum_rows_loops(const KernelRequest& request);
Loops squared_error_loops(const KernelRequest& request);
Loops squared_error_gradient_loops(const KernelRequest& request);
Loops slice_columns_loops(const KernelRequest& request);
Loops permute_loops(const KernelRequest& request);
Loops concat_rows_loops(const KernelRequest& request);
Loops concat_columns_loops(const KernelRequest& request);
Loops upsample_nearest_loops(const KernelRequest& request);
Loops pad_rows_loops(const KernelRequest& request);
Loops pad_columns_loops(const KernelRequest& request);

}  // namespace newbie::reference
