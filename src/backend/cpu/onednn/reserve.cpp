#include "backend/cpu/onednn/reserve.h"

#include <elf.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <new>
#include <oneapi/dnnl/dnnl.hpp>
#include <string_view>

#include "core/checked.h"
#include "core/error.h"
#include "core/machine.h"

namespace newbie::cpu::onednn {
namespace {

// A kernel's code takes 256 KiB; the most that one primitive of ours was seen to take is 1.5 MiB. Nothing stands behind
// it but addresses until it is needed.
constexpr size_t kReserveBytes = size_t{8} << 20;

size_t page_bytes() {
  static const auto bytes = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  return bytes;
}

// It stands at the beginning of its own pages. One that has given something away is never used again, nor forgotten:
// free() must know what came from it.
struct Reserve {
  Reserve* before;
  size_t used;

  std::byte* begin() { return reinterpret_cast<std::byte*>(this); }
  bool holds(const void* p) { return p >= begin() && p < begin() + kReserveBytes; }
};
std::mutex mutex;  // of `used` of the newest, and of who is the newest
std::atomic<Reserve*> newest = nullptr;

void* take(size_t bytes, size_t alignment) {
  const std::lock_guard lock(mutex);
  Reserve* reserve = newest;
  if (reserve == nullptr || bytes > kReserveBytes) return nullptr;
  const size_t from = round_up(reserve->used, alignment);
  if (from > kReserveBytes - bytes) return nullptr;
  reserve->used = from + bytes;
  return reserve->begin() + from;
}

bool is_from_a_reserve(const void* p) {
  for (Reserve* r = newest; r != nullptr; r = r->before)
    if (r->holds(p)) return true;
  return false;
}

// What oneDNN calls, and what it would have called.

void* mmap_or_reserve(void* address, size_t bytes, int protection, int flags, int file, off_t offset) {
  void* given = ::mmap(address, bytes, protection, flags, file, offset);
  if (given != MAP_FAILED || file != -1) return given;
  // Whole pages of its own: it changes their protection, and unmaps them in the end.
  given = take(round_up(bytes, page_bytes()), page_bytes());
  return given == nullptr || ::mprotect(given, bytes, protection) != 0 ? MAP_FAILED : given;
}

int posix_memalign_or_reserve(void** out, size_t alignment, size_t bytes) {
  if (::posix_memalign(out, alignment, bytes) == 0) return 0;
  *out = take(bytes, alignment);
  return *out == nullptr ? ENOMEM : 0;
}

void* malloc_or_reserve(size_t bytes) {
  void* given = std::malloc(bytes);
  return given == nullptr ? take(bytes, alignof(std::max_align_t)) : given;
}

void free_or_leave(void* p) {
  if (!is_from_a_reserve(p)) std::free(p);
}

struct Replacement {
  std::string_view name;
  void* function;
};
const Replacement kReplacements[] = {
    {"mmap", reinterpret_cast<void*>(&mmap_or_reserve)},
    {"posix_memalign", reinterpret_cast<void*>(&posix_memalign_or_reserve)},
    {"malloc", reinterpret_cast<void*>(&malloc_or_reserve)},
    {"free", reinterpret_cast<void*>(&free_or_leave)},
};

// The addresses through which one library calls others, as the dynamic linker filled them in (System V ABI, "Dynamic
// Section").
struct CallTable {
  ElfW(Addr) base = 0;
  const ElfW(Sym) * symbols = nullptr;
  const char* names = nullptr;
  const ElfW(Rela) * calls = nullptr;
  size_t count = 0;

  explicit CallTable(const dl_phdr_info& library) : base(library.dlpi_addr) {
    const ElfW(Dyn)* entry = nullptr;
    for (int i = 0; i < library.dlpi_phnum; ++i)
      if (library.dlpi_phdr[i].p_type == PT_DYNAMIC)
        entry = reinterpret_cast<const ElfW(Dyn)*>(base + library.dlpi_phdr[i].p_vaddr);
    for (; entry != nullptr && entry->d_tag != DT_NULL; ++entry) {
      const ElfW(Addr) at = entry->d_un.d_ptr;
      if (entry->d_tag == DT_SYMTAB) symbols = reinterpret_cast<const ElfW(Sym)*>(at);
      if (entry->d_tag == DT_STRTAB) names = reinterpret_cast<const char*>(at);
      if (entry->d_tag == DT_JMPREL) calls = reinterpret_cast<const ElfW(Rela)*>(at);
      if (entry->d_tag == DT_PLTRELSZ) count = entry->d_un.d_val / sizeof(ElfW(Rela));
    }
    if (symbols == nullptr || names == nullptr || calls == nullptr) count = 0;
  }

  // False when the system does not let the page be written, which the linker left read-only.
  bool replace(const Replacement& with) const {
    for (size_t i = 0; i < count; ++i) {
      if (with.name != names + symbols[ELF64_R_SYM(calls[i].r_info)].st_name) continue;
      const uintptr_t slot = base + calls[i].r_offset;
      void* page = reinterpret_cast<void*>(slot / page_bytes() * page_bytes());
      if (::mprotect(page, page_bytes(), PROT_READ | PROT_WRITE) != 0) return false;
      *reinterpret_cast<void**>(slot) = with.function;
      ::mprotect(page, page_bytes(), PROT_READ);
    }
    return true;
  }
};

bool take_over_calls() {
  const auto look = [](dl_phdr_info* library, size_t, void*) {
    if (std::string_view(library->dlpi_name).find("libdnnl.so") == std::string_view::npos) return 0;
    const CallTable table(*library);
    for (const Replacement& r : kReplacements)
      if (!table.replace(r)) return -1;
    return 1;
  };
  return ::dl_iterate_phdr(look, nullptr) >= 0;  // 0: linked in, or another name; then there is no reserve
}

void* map_reserve() {
  return ::mmap(nullptr, kReserveBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

[[noreturn]] void no_room() {
  fail_with_hint(ErrorKind::OverBudget, hint_for_refused_memory(kReserveBytes),
                 "out of memory: could not set {} bytes aside for oneDNN", kReserveBytes);
}

}  // namespace

void forget_primitives() {
  static const int capacity = dnnl::get_primitive_cache_capacity();
  dnnl::set_primitive_cache_capacity(0);
  dnnl::set_primitive_cache_capacity(capacity);
}

void require_reserve() {
  {
    const std::lock_guard lock(mutex);
    static bool ours = false;
    if (!ours) ours = take_over_calls();
    if (!ours) fail(ErrorKind::OverBudget, "the system did not let oneDNN's calls for memory come to us");
    Reserve* now = newest;
    if (now != nullptr && now->used == sizeof(Reserve)) return;
  }
  void* pages = map_reserve();
  if (pages == MAP_FAILED) {
    forget_primitives();
    pages = map_reserve();
  }
  if (pages == MAP_FAILED) no_room();
  const std::lock_guard lock(mutex);
  newest = new (pages) Reserve{newest, sizeof(Reserve)};
}

}  // namespace newbie::cpu::onednn
