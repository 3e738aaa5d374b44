// What our kernels share: one function and its memory as a Kernel, the cutting of rows into tasks, refusals.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "backend/backend.h"
#include "backend/cpu/kernels/elements.h"

namespace newbie::cpu {

struct Recipe {
  std::function<void(const KernelArgs& args)> run;
  size_t scratch_bytes = 0;
  std::optional<size_t> in_place_input;
};

// A kernel named after the request's op. Running it with more than request.threads workers is Error{Internal}: scratch
// was sized for those.
std::shared_ptr<const HostKernel> make_function_kernel(const KernelRequest& request, Recipe recipe);

// Rows of `row_bytes` that are worth handing to another thread: smaller tensors make one task, which wakes nobody.
inline int64_t rows_per_task(size_t row_bytes) {
  constexpr size_t kTaskBytes = size_t{32} << 10;
  return static_cast<int64_t>(std::max<size_t>(1, kTaskBytes / std::max<size_t>(1, row_bytes)));
}

// f(first, count, worker) for consecutive blocks of [0, rows). Allocates nothing.
template <typename F>
void for_row_blocks(ThreadPool& threads, int64_t rows, int64_t block, const F& f) {
  const auto task = [&](int64_t index, int worker) {
    const int64_t first = index * block;
    f(static_cast<size_t>(first), static_cast<size_t>(std::min(block, rows - first)), worker);
  };
  threads.run(ceil_div(rows, block), std::cref(task));
}

// Bytes of a row of `width` in the widest dtype of the request.
size_t widest_row_bytes(const KernelRequest& request, size_t width);

// Null, with the reason told.
std::shared_ptr<const HostKernel> refuse(std::string* why_not, std::string reason);

// Why inputs [0, count) and the result are not what vector kernels read and write; empty when they are.
std::string dtype_refusal(const KernelRequest& request, size_t count);

// Why input `index` is not f32 numbers; empty when it is.
std::string parameter_refusal(const KernelRequest& request, size_t index);

}  // namespace newbie::cpu
