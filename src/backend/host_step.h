// HostStep: what the host computes in a program that runs on a device.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backend/backend.h"

namespace newbie {

// A kernel of the host's for an op that is not worth a device's time: its operands come down, its result goes up.
class HostStep final : public Kernel {
 public:
  HostStep(std::shared_ptr<const HostKernel> kernel, const KernelRequest& request);

  std::string name() const override { return "host." + kernel_->name(); }

  // Of the host's memory while it runs.
  size_t host_bytes() const { return bytes_; }

  const HostKernel& kernel() const { return *kernel_; }
  // Of host_bytes(): where operand i is, the result, and the kernel's scratch.
  size_t input_offset(size_t i) const { return inputs_[i]; }
  size_t output_offset() const { return output_; }
  size_t kernel_scratch_offset() const { return scratch_; }
  // A table of which rows are read: where the host has it.
  bool reads_rows_of(size_t input) const { return row_table_ == input; }

 private:
  std::shared_ptr<const HostKernel> kernel_;
  std::optional<size_t> row_table_;
  std::vector<size_t> inputs_;
  size_t output_ = 0, scratch_ = 0, bytes_ = 0;
};

}  // namespace newbie
