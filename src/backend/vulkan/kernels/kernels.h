// The makers of kernels, a file a family, and what they share. All read f32, bf16 and f16 and sum in f32.
#pragma once

#include "backend/vulkan/kernel.h"
#include "backend/vulkan/traits.h"
#include "graph/ops/all.h"

namespace newbie::vulkan {

using KernelOrNot = std::shared_ptr<const Kernel>;

KernelOrNot make_linear(const KernelRequest& request, const Traits& traits, std::string* why_not);  // linear_add, too
KernelOrNot make_linear_int8(const KernelRequest& request, const Traits& traits, std::string* why_not);
KernelOrNot make_batched_matmul(const KernelRequest& request, const Traits& traits, std::string* why_not);
KernelOrNot make_conv2d(const KernelRequest& request, const Traits& traits, std::string* why_not);
KernelOrNot make_attention(const KernelRequest& request, const Traits& traits, std::string* why_not);
KernelOrNot make_attention_softmax(const KernelRequest& request, const Traits& traits, std::string* why_not);
KernelOrNot make_rms_norm(const KernelRequest& request, const Traits& traits, std::string* why_not);
KernelOrNot make_rope(const KernelRequest& request, const Traits& traits, std::string* why_not);
KernelOrNot make_layer_norm(const KernelRequest& request, const Traits& traits, std::string* why_not);
KernelOrNot make_group_norm(const KernelRequest& request, const Traits& traits, std::string* why_not);
KernelOrNot make_pointwise(const KernelRequest& request, const Traits& traits, std::string* why_not);
KernelOrNot make_mean_rows(const KernelRequest& request, const Traits& traits, std::string* why_not);
KernelOrNot make_movement(const KernelRequest& request, const Traits& traits, std::string* why_not);
KernelOrNot make_host_step(const KernelRequest& request, const Traits& traits, std::string* why_not);

// Why shaders cannot see these operands as numbers: dtypes, sums that are not f32, counts that 31 bits do not hold.
// Empty when they can. Movement ops (any 2 or 4 bytes) are judged for their size alone.
std::string refusal(const KernelRequest& request);

// Why an invocation may not go round its loops so often; empty when it may.
std::string refuse_turns(int64_t turns, const Traits& traits);

// Gives `why` to who asked, and no kernel.
KernelOrNot refuse(std::string why, std::string* why_not);

// As shaders/numbers.glsl numbers them.
uint32_t dtype_number(DType dtype);
inline uint32_t dtype_number(const TensorSpec& spec) { return dtype_number(spec.dtype); }

// Groups of `size` invocations for `count` of them: a sheet where one row of groups would be too long.
Groups groups_for(int64_t count, int64_t size);

// One dispatch, but for its addresses.
struct Job {
  Shader shader = Shader::Move;
  std::vector<uint32_t> constants;
  Groups groups;
  double work = 0;
};
inline void dispatch(Recorder& recorder, const Job& job, const Push& push) {
  recorder.dispatch(job.shader, job.constants, push, job.groups, job.work);
}

// What shaders/matrix_units.comp is told of a device's units, and its groups.
std::vector<uint32_t> unit_constants(const MatrixUnits& units, const MatrixShape& shape);
Groups unit_groups(const MatrixShape& shape, int64_t rows, int64_t columns, int64_t batches);

// What a number costs that is moved or mapped, as so many multiplications and additions.
constexpr double kWorkOfElement = 16;

}  // namespace newbie::vulkan
