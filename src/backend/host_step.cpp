#include "backend/host_step.h"

#include "core/checked.h"

namespace newbie {

HostStep::HostStep(std::shared_ptr<const HostKernel> kernel, const KernelRequest& request)
    : kernel_(std::move(kernel)), row_table_(request.op->row_table) {
  const auto take = [&](size_t bytes) {
    const size_t at = bytes_;
    bytes_ = checked_add(bytes_, round_up(bytes, MemorySpace::kAlignment));
    return at;
  };
  for (size_t i = 0; i < request.inputs.size(); ++i)
    inputs_.push_back(reads_rows_of(i) ? 0 : take(request.inputs[i].bytes()));
  output_ = take(request.output.bytes());
  scratch_ = take(kernel_->scratch_bytes());
}

}  // namespace newbie
