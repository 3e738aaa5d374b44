// How a graph runs. A Backend makes one Kernel for every op it knows, an Executor that runs them and the memory they
// work in; lower() turns a whole graph into steps whose memory is known exactly before anything is allocated.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backend/device_caps.h"
#include "core/memory_space.h"
#include "core/parallel.h"
#include "graph/graph.h"

namespace newbie {

class Executor;

// What one kernel is asked to compute: the node's meaning with all dtypes decided.
struct KernelRequest {
  const OpDef* op = nullptr;
  Attrs attrs;
  std::vector<TensorSpec> inputs;
  TensorSpec output;
  OpPrecision precision;
  int threads = 1;  // workers that will run it; may change scratch size, never a result
};

// How a kernel wants one of its weight operands laid out. An empty key: row-major in the operand's dtype, as in the
// file. Equal keys mean equal bytes, so kernels of different shapes share one prepared copy.
struct WeightLayout {
  std::string key;
  size_t bytes = 0;
  // Writes the layout of `source` (row-major, the operand's spec, aligned) to `destination`; both in the host's memory.
  std::function<void(ConstTensorView source, std::byte* destination, ThreadPool& threads)> pack;
};

// Runs one op on tensors that others own. Holds no tensor data; may be shared by several nodes of a program, and by
// runs of it at the same time. How it is run is between it and its backend's executor.
class Kernel {
 public:
  virtual ~Kernel() = default;
  virtual size_t scratch_bytes() const { return 0; }
  virtual WeightLayout weight_layout(size_t /*input*/) const { return {}; }
  // The input whose memory the output may take over when nobody else needs it: every element is read before it is
  // written.
  virtual std::optional<size_t> in_place_input() const { return std::nullopt; }
  virtual std::string name() const = 0;  // for profiles: "onednn.linear brgemm", "reference.silu"
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string name() const = 0;
  virtual std::string version() const { return name(); }  // with that of its library: what timings depend on
  virtual DeviceCaps caps() const = 0;
  // Null when this backend has no kernel for the request; `why_not`, if given, then tells the reason.
  virtual std::shared_ptr<const Kernel> make_kernel(const KernelRequest& request,
                                                    std::string* why_not = nullptr) const = 0;
  virtual std::unique_ptr<Executor> make_executor() const = 0;
  // Where its kernels find their operands; null: in the host's memory, whoever allocated it. Tables of which a run
  // reads some rows (OpDef::row_table) stay in the host's memory in any case.
  virtual std::unique_ptr<MemorySpace> make_memory(MemorySpace::FaultHook /*hook*/ = {}) const { return nullptr; }
  virtual bool uses_host_memory() const { return true; }
};

// Kernels that the host's threads run.
struct KernelArgs {
  std::span<const ConstTensorView> inputs;
  TensorView output;
  std::byte* scratch = nullptr;  // Kernel::scratch_bytes(), aligned to 64
  ThreadPool& threads;
};

// Keeps nothing of a run: many threads may run it at once, each on tensors, scratch and (or in turns) threads of its
// own.
class HostKernel : public Kernel {
 public:
  virtual void run(const KernelArgs& args) const = 0;
};

class HostBackend : public Backend {
 public:
  // As make_kernel.
  virtual std::shared_ptr<const HostKernel> make_host_kernel(const KernelRequest& request,
                                                             std::string* why_not = nullptr) const = 0;

  std::shared_ptr<const Kernel> make_kernel(const KernelRequest& request, std::string* why_not = nullptr) const final;
  std::unique_ptr<Executor> make_executor() const override;  // a StepExecutor
  DeviceCaps caps() const override { return this_cpu(); }
};

std::unique_ptr<HostBackend> make_reference_backend();  // plain loops, every op, every dtype
std::unique_ptr<HostBackend> make_cpu_backend();        // oneDNN and our own kernels; the reference fills the gaps

}  // namespace newbie
