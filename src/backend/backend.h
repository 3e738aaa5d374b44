// How a graph runs. A Backend makes one Kernel for every op it knows; lower() turns a whole graph into a Program whose
// memory is known exactly before anything is allocated.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/parallel.h"
#include "graph/graph.h"

namespace newbie {

// What one kernel is asked to compute: the node's meaning with all dtypes decided.
struct KernelRequest {
  const OpDef* op = nullptr;
  Attrs attrs;
  std::vector<TensorSpec> inputs;
  TensorSpec output;
  OpPrecision precision;
  int threads = 1;  // workers that will run it; may change scratch size, never a result
};

struct KernelArgs {
  std::span<const ConstTensorView> inputs;
  TensorView output;
  std::byte* scratch = nullptr;  // Kernel::scratch_bytes(), aligned to 64
  ThreadPool& threads;
};

// How a kernel wants one of its weight operands laid out. An empty key: row-major in the operand's dtype, as in the
// file. Equal keys mean equal bytes, so kernels of different shapes share one prepared copy.
struct WeightLayout {
  std::string key;
  size_t bytes = 0;
  // Writes the layout of `source` (row-major, the operand's spec, aligned) to `destination`.
  std::function<void(ConstTensorView source, std::byte* destination, ThreadPool& threads)> pack;
};

// Runs one op on tensors that others own. Holds no tensor data and keeps nothing of a run: it may be shared by several
// nodes of a program, and many threads may run it at once, each on tensors, scratch and (or in turns) threads of its
// own.
class Kernel {
 public:
  virtual ~Kernel() = default;
  virtual size_t scratch_bytes() const { return 0; }
  virtual WeightLayout weight_layout(size_t /*input*/) const { return {}; }
  // The input whose memory the output may take over when nobody else needs it: every element is read before it is
  // written.
  virtual std::optional<size_t> in_place_input() const { return std::nullopt; }
  virtual std::string name() const = 0;  // for profiles: "onednn.linear brgemm", "reference.silu"
  virtual void run(const KernelArgs& args) const = 0;
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string name() const = 0;
  virtual std::string version() const { return name(); }  // with that of its library: what timings depend on
  // Null when this backend has no kernel for the request; `why_not`, if given, then tells the reason.
  virtual std::shared_ptr<Kernel> make_kernel(const KernelRequest& request, std::string* why_not = nullptr) const = 0;
};

std::unique_ptr<Backend> make_reference_backend();  // plain loops, every op, every dtype
std::unique_ptr<Backend> make_cpu_backend();        // oneDNN and our own kernels; the reference fills the gaps

}  // namespace newbie
