// What the kernels here need of oneDNN: primitives that run on one thread and on memory objects made beforehand.
#pragma once

#include <initializer_list>
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <string>
#include <vector>

#include "backend/backend.h"

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

bool is_supported(DType dtype);  // F32, BF16
dnnl::memory::data_type data_type(DType dtype);

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
std::shared_ptr<Kernel> make_or_refuse(const KernelRequest& request, std::string* why_not) {
  try {
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

// A primitive and, for every worker, a stream and the memory objects it runs on, so that running makes none.
class WorkerPrimitive {
 public:
  struct Argument {
    int name;  // DNNL_ARG_…
    dnnl::memory::desc desc;
  };

  WorkerPrimitive(const dnnl::primitive& primitive, const std::vector<Argument>& arguments, int workers);

  // `data` goes with the constructor's arguments one by one; `weights`, if any, is shared by the workers. Call under
  // OneThread. Error{Internal} when oneDNN reports a failure.
  void run(int worker, std::initializer_list<const void*> data, const dnnl::memory* weights = nullptr) const;

 private:
  struct Worker {
    dnnl::stream stream;
    std::vector<dnnl::memory> memories;
  };
  dnnl::primitive primitive_;
  std::vector<int> names_;
  std::vector<Worker> workers_;
};

// Points `memory` at `data`. Not while a worker runs on it: oneDNN writes the zeros of a layout's padding.
void point(const dnnl::memory& memory, const void* data);

}  // namespace newbie::cpu::onednn
