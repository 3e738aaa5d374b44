#include "support/protected_backend.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <map>
#include <mutex>

#include "core/checked.h"
#include "core/error.h"

namespace newbie::test {

namespace {

size_t page_bytes() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }

void protect(std::byte* data, size_t bytes, int how) {
  if (::mprotect(data, bytes, how) != 0) fail(ErrorKind::Internal, "mprotect: {}", std::strerror(errno));
}

class ProtectedExecutor final : public StepExecutor {
 protected:
  void run_kernel(const HostKernel& kernel, const KernelArgs& args, MemorySpace* memory) const override {
    const ProtectedMemory::Open open(dynamic_cast<ProtectedMemory&>(*memory));
    kernel.run(args);
  }
};

}  // namespace

struct ProtectedMemory::State {
  mutable std::mutex mutex;
  std::map<std::byte*, size_t> blocks;  // whole pages
  int open = 0;
};

ProtectedMemory::ProtectedMemory(FaultHook hook) : MemorySpace(std::move(hook)), state_(std::make_unique<State>()) {}
ProtectedMemory::~ProtectedMemory() = default;

MemorySpace::Block ProtectedMemory::obtain(size_t bytes) {
  const size_t mapped = round_up(bytes, page_bytes());
  const std::lock_guard lock(state_->mutex);
  const int how = state_->open > 0 ? PROT_READ | PROT_WRITE : PROT_NONE;
  void* p = ::mmap(nullptr, mapped, how, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return {};
  state_->blocks[static_cast<std::byte*>(p)] = mapped;
  return {static_cast<std::byte*>(p), mapped};
}

void ProtectedMemory::give_back(const Block& block) noexcept {
  const std::lock_guard lock(state_->mutex);
  state_->blocks.erase(block.data);
  ::munmap(block.data, block.mapped);
}

void ProtectedMemory::require_inside(const std::byte* data, size_t bytes) const {
  const std::lock_guard lock(state_->mutex);
  for (const auto& [first, size] : state_->blocks)
    if (data >= first && bytes <= size && data - first <= static_cast<std::ptrdiff_t>(size - bytes)) return;
  fail(ErrorKind::Internal, "{} bytes that are in no block of the device", bytes);
}

ProtectedMemory::Open::Open(ProtectedMemory& memory) : memory_(memory) {
  const std::lock_guard lock(memory_.state_->mutex);
  if (memory_.state_->open++ > 0) return;
  for (const auto& [first, size] : memory_.state_->blocks) protect(first, size, PROT_READ | PROT_WRITE);
}

ProtectedMemory::Open::~Open() {
  const std::lock_guard lock(memory_.state_->mutex);
  if (--memory_.state_->open > 0) return;
  for (const auto& [first, size] : memory_.state_->blocks) ::mprotect(first, size, PROT_NONE);
}

void ProtectedMemory::upload(const std::byte* host, std::byte* here, size_t bytes) {
  if (bytes == 0) return;
  require_inside(here, bytes);
  const Open open(*this);
  std::memcpy(here, host, bytes);
}

void ProtectedMemory::download(const std::byte* here, std::byte* host, size_t bytes) {
  if (bytes == 0) return;
  require_inside(here, bytes);
  const Open open(*this);
  std::memcpy(host, here, bytes);
}

void ProtectedMemory::copy(const std::byte* from, std::byte* to, size_t bytes) {
  if (bytes == 0) return;
  require_inside(from, bytes);
  require_inside(to, bytes);
  const Open open(*this);
  std::memcpy(to, from, bytes);
}

std::unique_ptr<Executor> ProtectedBackend::make_executor() const { return std::make_unique<ProtectedExecutor>(); }

std::unique_ptr<MemorySpace> ProtectedBackend::make_memory(MemorySpace::FaultHook hook) const {
  return std::make_unique<ProtectedMemory>(std::move(hook));
}

}  // namespace newbie::test
