// What the kernels here need of oneDNN: primitives that run on one thread each, on memory objects made beforehand.
#pragma once

#include <initializer_list>
#include <memory>
#include <mutex>
#include <oneapi/dnnl/dnnl.hpp>
#include <optional>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "backend/cpu/onednn/reserve.h"

namespace newbie::cpu::onednn {

const dnnl::engine& engine();

// While it lives, oneDNN does what this thread asks of it on this thread alone. Primitives are made and run under it:
// their blocking and their scratch follow from the number of threads they are made for.
class OneThread {
 public:
  OneThread();
  ~OneThread();
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_;
};

// The primitive of `arguments`: a primitive_desc, or what a reorder is between.
template <typename Primitive, typename... Arguments>
Primitive made(const Arguments&... arguments) {
  require_reserve();
  return Primitive(arguments...);
}

bool is_supported(DType dtype);  // F32, BF16
dnnl::memory::data_type data_type(DType dtype);
DType multiplied_as(DType dtype);  // F32 of BF16 where bf16 is widened (widens_bf16)

// Scratch is ours to give; f32 is computed as f32 whatever the environment says.
dnnl::primitive_attr attributes();

dnnl::memory::desc matrix(int64_t rows, int64_t columns, DType dtype);  // row-major
dnnl::memory::desc strided(int64_t rows, int64_t columns, DType dtype, int64_t row_stride, int64_t column_stride);

// Equal texts mean that equal tensors have equal bytes.
std::string layout_text(const dnnl::memory::desc& desc);

bool is_reference(const std::string& implementation);  // oneDNN's plain loops

// Error{Unsupported} when `implementation` is oneDNN's plain loops: ours are as good, and follow our rules.
void require_fast(const std::string& implementation, const std::string& what);

// Makes a kernel; null and the reason when oneDNN, or the kernel by Error{Unsupported}, says no.
template <typename K>
std::shared_ptr<const HostKernel> make_or_refuse(const KernelRequest& request, std::string* why_not) {
  try {
    require_reserve();
    const OneThread alone;
    return std::make_shared<K>(request);
  } catch (const dnnl::error& e) {
    *why_not = fmt::format("oneDNN: {}", e.what());
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::Unsupported) throw;
    *why_not = e.message();
  }
  return nullptr;
}

// The primitives of one kernel. oneDNN keeps addresses in memory objects, so these belong to a run and not to the
// kernel: begin() lends a set of them that nobody else has. Sets are kept for the next run, as many as there were runs
// at once.
class Primitives {
 public:
  struct Argument {
    int name;  // DNNL_ARG_…
    dnnl::memory::desc desc;
  };

  explicit Primitives(int workers) : workers_(workers) {}

  // Numbers from 0, as they are added. All are added before the first begin().
  size_t add(const dnnl::primitive& primitive, const std::vector<Argument>& arguments);
  size_t add_shared(const dnnl::memory::desc& desc);  // an operand that all workers read, such as packed weights

 private:
  // The memory objects of one run.
  struct Objects {
    std::vector<dnnl::stream> streams;                             // of the workers
    std::vector<std::vector<std::vector<dnnl::memory>>> private_;  // by primitive, worker, argument
    std::vector<dnnl::memory> shared;
  };

 public:
  class Run {
   public:
    Run(const Primitives& primitives, std::unique_ptr<Objects> objects)
        : primitives_(primitives), objects_(std::move(objects)) {}
    ~Run();
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;

    // Not while workers execute: oneDNN writes zeros over those of a layout's padding.
    void point(size_t shared, const void* data) const;
    // `data` goes with the primitive's arguments one by one; the weights may be shared ones. Call under OneThread.
    // Error{Internal} when oneDNN reports a failure.
    void execute(size_t primitive, int worker, std::initializer_list<const void*> data,
                 std::optional<size_t> shared_weights = std::nullopt) const;

   private:
    const Primitives& primitives_;
    std::unique_ptr<Objects> objects_;
  };
  // Error{Internal} when oneDNN can make no more objects. Any number of threads may each have a run.
  Run begin() const;

 private:
  struct Added {
    dnnl::primitive primitive;
    std::vector<Argument> arguments;
  };
  std::unique_ptr<Objects> make_objects() const;

  int workers_;
  std::vector<Added> added_;
  std::vector<dnnl::memory::desc> shared_;
  mutable std::mutex mutex_;                            // of the two below
  mutable std::vector<std::unique_ptr<Objects>> idle_;  // has room for all that were made
  mutable size_t made_ = 0;
};

}  // namespace newbie::cpu::onednn
