#include "backend/cpu/onednn/primitive.h"

#include <omp.h>

#include <array>

#include "backend/cpu/bf16_products.h"
#include "backend/cpu/onednn/kernels.h"
#include "core/error.h"

namespace newbie::cpu {

std::string onednn_version() {
  const dnnl_version_t* v = dnnl_version();
  return fmt::format("oneDNN {}.{}.{}", v->major, v->minor, v->patch);
}

}  // namespace newbie::cpu

namespace newbie::cpu::onednn {

const dnnl::engine& engine() {
  static const dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}

OneThread::OneThread() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }
OneThread::~OneThread() { omp_set_num_threads(before_); }

bool is_supported(DType dtype) { return dtype == DType::F32 || dtype == DType::BF16; }

dnnl::memory::data_type data_type(DType dtype) {
  if (!is_supported(dtype)) fail(ErrorKind::Internal, "{} is not for oneDNN", to_string(dtype));
  return dtype == DType::BF16 ? dnnl::memory::data_type::bf16 : dnnl::memory::data_type::f32;
}

DType multiplied_as(DType dtype) { return dtype == DType::BF16 && widens_bf16() ? DType::F32 : dtype; }

dnnl::primitive_attr attributes() {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  attr.set_fpmath_mode(dnnl::fpmath_mode::strict);
  return attr;
}

dnnl::memory::desc matrix(int64_t rows, int64_t columns, DType dtype) {
  return {{rows, columns}, data_type(dtype), dnnl::memory::format_tag::ab};
}

dnnl::memory::desc strided(int64_t rows, int64_t columns, DType dtype, int64_t row_stride, int64_t column_stride) {
  return {{rows, columns}, data_type(dtype), dnnl::memory::dims{row_stride, column_stride}};
}

std::string layout_text(const dnnl::memory::desc& desc) {
  const dnnl_memory_desc_t& d = desc.data;
  if (d.format_kind != dnnl_blocked) fail(ErrorKind::Internal, "oneDNN chose a layout that has no description");
  std::string text;
  for (int i = 0; i < d.ndims; ++i) text += fmt::format("{}:{} ", d.padded_dims[i], d.format_desc.blocking.strides[i]);
  for (int i = 0; i < d.format_desc.blocking.inner_nblks; ++i)
    text += fmt::format("{}@{} ", d.format_desc.blocking.inner_blks[i], d.format_desc.blocking.inner_idxs[i]);
  text.pop_back();
  return text;
}

bool is_reference(const std::string& implementation) { return implementation.find("ref") != std::string::npos; }

void require_fast(const std::string& implementation, const std::string& what) {
  if (is_reference(implementation)) fail(ErrorKind::Unsupported, "oneDNN has only its reference for {}", what);
}

namespace {

void require_success(dnnl_status_t status, const char* what) {
  if (status != dnnl_success)
    fail(ErrorKind::Internal, "oneDNN: {} failed with status {}", what, static_cast<int>(status));
}

void set_address(const dnnl::memory& memory, const void* data) {
  // oneDNN has no constant memory; what is read only is never written.
  require_success(dnnl_memory_set_data_handle(memory.get(), const_cast<void*>(data)), "setting an address");
}

}  // namespace

size_t Primitives::add(const dnnl::primitive& primitive, const std::vector<Argument>& arguments) {
  added_.push_back({primitive, arguments});
  return added_.size() - 1;
}

size_t Primitives::add_shared(const dnnl::memory::desc& desc) {
  shared_.push_back(desc);
  return shared_.size() - 1;
}

std::unique_ptr<Primitives::Objects> Primitives::make_objects() const {
  auto objects = std::make_unique<Objects>();
  for (int i = 0; i < workers_; ++i) objects->streams.emplace_back(engine());
  for (const Added& added : added_) {
    auto& of_workers = objects->private_.emplace_back(static_cast<size_t>(workers_));
    for (auto& memories : of_workers)
      for (const Argument& a : added.arguments) memories.emplace_back(a.desc, engine(), nullptr);
  }
  for (const dnnl::memory::desc& desc : shared_) objects->shared.emplace_back(desc, engine(), nullptr);
  return objects;
}

Primitives::Run Primitives::begin() const {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      std::unique_ptr<Objects> objects = std::move(idle_.back());
      idle_.pop_back();
      return {*this, std::move(objects)};
    }
    idle_.reserve(++made_);
  }
  try {
    require_reserve();
    const OneThread alone;
    return {*this, make_objects()};
  } catch (const dnnl::error& e) {
    fail(ErrorKind::Internal, "oneDNN cannot make what a run needs: {}", e.what());
  }
}

Primitives::Run::~Run() {
  const std::lock_guard lock(primitives_.mutex_);
  primitives_.idle_.push_back(std::move(objects_));
}

void Primitives::Run::point(size_t shared, const void* data) const { set_address(objects_->shared[shared], data); }

void Primitives::Run::execute(size_t primitive, int worker, std::initializer_list<const void*> data,
                              std::optional<size_t> shared_weights) const {
  constexpr size_t kMost = 8;
  const Added& added = primitives_.added_[primitive];
  if (data.size() != added.arguments.size() || data.size() + 1 > kMost)
    fail(ErrorKind::Internal, "a oneDNN primitive of {} arguments got {}", added.arguments.size(), data.size());
  const auto& memories = objects_->private_[primitive][static_cast<size_t>(worker)];
  std::array<dnnl_exec_arg_t, kMost> args;
  size_t count = 0;
  for (const void* address : data) {
    set_address(memories[count], address);
    args[count] = {added.arguments[count].name, memories[count].get()};
    ++count;
  }
  if (shared_weights) args[count++] = {DNNL_ARG_WEIGHTS, objects_->shared[*shared_weights].get()};
  require_success(dnnl_primitive_execute(added.primitive.get(), objects_->streams[static_cast<size_t>(worker)].get(),
                                         static_cast<int>(count), args.data()),
                  "a primitive");
}

}  // namespace newbie::cpu::onednn
