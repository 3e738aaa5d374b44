#include "core/mapping_table.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <mutex>

#include "core/error.h"

namespace newbie {

namespace {

// The handler reads `begin`, `end` and writes `damaged`; the rest is guarded by `table_mutex`.
struct Row {
  std::atomic<uintptr_t> begin{0};  // 0: free
  std::atomic<uintptr_t> end{0};
  std::atomic<bool> damaged{false};
  int descriptor = -1;
  bool taken = false;
};
static_assert(std::atomic<uintptr_t>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

constinit std::array<Row, kMaxMappings> table;
constinit std::mutex table_mutex;
constinit uintptr_t page_bytes = 0;
struct sigaction previous_action;

Row* find_row(uintptr_t address) {
  for (Row& row : table) {
    const uintptr_t begin = row.begin.load();
    if (begin == 0 || address < begin || address >= row.end.load()) continue;
    if (row.begin.load() == begin) return &row;  // else the row changed hands between the two reads
  }
  return nullptr;
}

void pass_on(int signal_number, siginfo_t* info, void* context) {
  if ((previous_action.sa_flags & SA_SIGINFO) != 0) {
    previous_action.sa_sigaction(signal_number, info, context);
  } else if (previous_action.sa_handler == SIG_IGN && info->si_code <= 0) {
    return;  // sent by a process, and ignored before us; a real fault cannot be ignored
  } else if (previous_action.sa_handler == SIG_DFL || previous_action.sa_handler == SIG_IGN) {
    ::signal(signal_number, SIG_DFL);
    ::raise(signal_number);  // delivered when the handler returns
  } else {
    previous_action.sa_handler(signal_number);
  }
}

// Async-signal-safe: lock-free atomics and system calls only.
void on_bus_error(int signal_number, siginfo_t* info, void* context) {
  const int saved_errno = errno;
  if (info->si_code > 0) {  // from the kernel: si_addr is the address of the fault
    const auto address = reinterpret_cast<uintptr_t>(info->si_addr);
    if (Row* row = find_row(address)) {
      row->damaged.store(true);
      void* page = reinterpret_cast<void*>(address / page_bytes * page_bytes);  // NOLINT(performance-no-int-to-ptr)
      if (::mmap(page, page_bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED) {
        errno = saved_errno;
        return;
      }
    }
  }
  pass_on(signal_number, info, context);
  errno = saved_errno;
}

void install_handler() {
  static std::once_flag once;
  std::call_once(once, [] {
    page_bytes = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
    ::sigaction(SIGBUS, nullptr, &previous_action);  // known before the first signal can come to us
    struct sigaction action {};
    action.sa_sigaction = on_bus_error;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
    ::sigemptyset(&action.sa_mask);
    if (::sigaction(SIGBUS, &action, nullptr) != 0) fail(ErrorKind::Internal, "cannot install the SIGBUS handler");
  });
}

}  // namespace

size_t add_mapping(const std::byte* begin, size_t bytes, int descriptor) {
  install_handler();
  const std::lock_guard lock(table_mutex);
  for (size_t i = 0; i < table.size(); ++i) {
    Row& row = table[i];
    if (row.taken) continue;
    row.taken = true;
    row.descriptor = descriptor;
    row.damaged.store(false);
    row.end.store(reinterpret_cast<uintptr_t>(begin) + bytes);
    row.begin.store(reinterpret_cast<uintptr_t>(begin));
    return i;
  }
  fail(ErrorKind::Unsupported, "more than {} files mapped at once", kMaxMappings);
}

void remove_mapping(size_t index) noexcept {
  const std::lock_guard lock(table_mutex);
  Row& row = table[index];
  row.begin.store(0);
  ::close(row.descriptor);
  row.descriptor = -1;
  row.taken = false;
}

int mapping_descriptor(size_t row) noexcept { return table[row].descriptor; }

bool mapping_is_damaged(size_t row) noexcept { return table[row].damaged.load(); }

}  // namespace newbie
