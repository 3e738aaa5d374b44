#include "core/machine.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/checked.h"
#include "core/error.h"
#include "core/files.h"

namespace newbie {

namespace fs = std::filesystem;

namespace {

// The whole of a small system file, or nothing: a missing one only says that there is no such limit.
std::optional<std::string> find_text(const fs::path& path) {
  try {
    return read_file(path, 1024 * 1024);
  } catch (const Error&) {
    return std::nullopt;
  }
}

// Takes the next word off `text`; empty at the end.
std::string_view next_word(std::string_view& text) {
  constexpr std::string_view kBlank = " \t\n";
  text.remove_prefix(std::min(text.find_first_not_of(kBlank), text.size()));
  const std::string_view word = text.substr(0, text.find_first_of(kBlank));
  text.remove_prefix(word.size());
  return word;
}

std::string_view next_line(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(line.size() + 1, text.size()));
  return line;
}

// Nothing for anything that is not a plain number: "max", "-1", "".
std::optional<uint64_t> parse_number(std::string_view word) {
  uint64_t value = 0;
  const auto [end, code] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (code != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return value;
}

std::optional<uint64_t> find_number(const fs::path& path) {
  const auto text = find_text(path);
  if (!text) return std::nullopt;
  std::string_view rest = *text;
  return parse_number(next_word(rest));
}

// The number after `name` in a file of lines "name number …": meminfo, status, memory.stat.
std::optional<uint64_t> find_field(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    std::string_view line = next_line(text);
    if (next_word(line) == name) return parse_number(next_word(line));
  }
  return std::nullopt;
}

std::optional<size_t> find_kilobytes(const fs::path& path, std::string_view name) {
  const auto text = find_text(path);
  const auto kilobytes = text ? find_field(*text, name) : std::nullopt;
  if (!kilobytes || *kilobytes > SIZE_MAX / 1024) return std::nullopt;
  return static_cast<size_t>(*kilobytes) * 1024;
}

struct MemoryLevel {
  size_t limit_bytes = 0;
  std::optional<size_t> used_bytes;

  size_t left_bytes() const { return limit_bytes - std::min(limit_bytes, used_bytes.value_or(0)); }
};

struct Limits {
  std::optional<double> cpus;
  std::vector<MemoryLevel> memory;

  void add_cpus(std::optional<uint64_t> quota, std::optional<uint64_t> period) {
    if (!quota || !period || *quota == 0 || *period == 0) return;
    const double here = static_cast<double>(*quota) / static_cast<double>(*period);
    cpus = std::min(cpus.value_or(here), here);
  }

  // `cache`: page cache charged to the group. The kernel gives it back on demand, as it counts in MemAvailable.
  void add_memory(std::optional<uint64_t> limit, std::optional<uint64_t> used, uint64_t cache) {
    constexpr uint64_t kNoLimit = uint64_t{1} << 62;  // v1 writes "no limit" as the largest page-aligned int64
    if (!limit || *limit >= kNoLimit) return;
    if (used) used = *used - std::min(*used, cache);
    memory.push_back({*limit, used});
  }
};

uint64_t page_cache_bytes(const fs::path& folder, std::string_view active, std::string_view inactive) {
  const auto stat = find_text(folder / "memory.stat");
  if (!stat) return 0;
  return find_field(*stat, active).value_or(0) + find_field(*stat, inactive).value_or(0);
}

void read_v2_level(const fs::path& folder, Limits& limits) {
  if (const auto text = find_text(folder / "cpu.max")) {
    std::string_view rest = *text;
    const auto quota = parse_number(next_word(rest));
    limits.add_cpus(quota, parse_number(next_word(rest)));
  }
  limits.add_memory(find_number(folder / "memory.max"), find_number(folder / "memory.current"),
                    page_cache_bytes(folder, "active_file", "inactive_file"));
}

void read_v1_cpu_level(const fs::path& folder, Limits& limits) {
  limits.add_cpus(find_number(folder / "cpu.cfs_quota_us"), find_number(folder / "cpu.cfs_period_us"));
}

void read_v1_memory_level(const fs::path& folder, Limits& limits) {
  limits.add_memory(find_number(folder / "memory.limit_in_bytes"), find_number(folder / "memory.usage_in_bytes"),
                    page_cache_bytes(folder, "total_active_file", "total_inactive_file"));
}

// The folders of a group and of all groups above it. `base` is always among them: in a container the group's path is
// often told from the host's point of view while `base` is already the container's own group.
std::vector<fs::path> levels(const fs::path& base, const fs::path& group) {
  std::vector<fs::path> out;
  fs::path below = group.relative_path();
  if (std::find(below.begin(), below.end(), fs::path("..")) != below.end()) below.clear();  // outside our namespace
  for (; !below.empty(); below = below.parent_path()) out.push_back(base / below);
  out.push_back(base);
  return out;
}

bool has_name(std::string_view list, std::string_view name) {
  while (!list.empty()) {
    const std::string_view item = list.substr(0, list.find(','));
    if (item == name) return true;
    list.remove_prefix(std::min(item.size() + 1, list.size()));
  }
  return false;
}

Limits read_limits(const fs::path& proc_root, const fs::path& cgroup_root) {
  Limits limits;
  const std::string groups = find_text(proc_root / "self" / "cgroup").value_or("0::/\n");
  std::error_code ignored;
  const auto base_of = [&](std::string_view first, std::string_view second) {
    return fs::is_directory(cgroup_root / first, ignored) ? cgroup_root / first : cgroup_root / second;
  };
  // Lines of "number:controllers:path"; version 2 has number 0 and no controllers.
  for (std::string_view rest = groups; !rest.empty();) {
    const std::string_view line = next_line(rest);
    const size_t first = line.find(':');
    const size_t second = first == line.npos ? line.npos : line.find(':', first + 1);
    if (second == line.npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    const fs::path group = line.substr(second + 1);
    if (controllers.empty())
      for (const fs::path& folder : levels(base_of("unified", ""), group)) read_v2_level(folder, limits);
    if (has_name(controllers, "cpu"))
      for (const fs::path& folder : levels(base_of("cpu", controllers), group)) read_v1_cpu_level(folder, limits);
    if (has_name(controllers, "memory"))
      for (const fs::path& folder : levels(base_of("memory", controllers), group)) read_v1_memory_level(folder, limits);
  }
  return limits;
}

int cpus_in_affinity_mask() {
  // The kernel refuses a mask smaller than its own: grow until it fits.
  for (int cpus = 1024; cpus <= 1024 * 1024; cpus *= 2) {
    cpu_set_t* mask = CPU_ALLOC(static_cast<size_t>(cpus));
    if (mask == nullptr) break;
    const size_t bytes = CPU_ALLOC_SIZE(static_cast<size_t>(cpus));
    const int count = sched_getaffinity(0, bytes, mask) == 0 ? CPU_COUNT_S(bytes, mask) : 0;
    CPU_FREE(mask);
    if (count > 0) return count;
  }
  return std::max(1, static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN)));
}

// The first number of statm, in pages. Not by read_file: what it throws where memory is refused asks for this.
size_t address_space_bytes() {
  const int file = ::open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  char text[256];
  const ssize_t got = ::read(file, text, sizeof text);
  ::close(file);
  std::string_view rest(text, static_cast<size_t>(std::max<ssize_t>(got, 0)));
  return static_cast<size_t>(parse_number(next_word(rest)).value_or(0)) * static_cast<size_t>(::sysconf(_SC_PAGESIZE));
}

size_t pages_to_bytes(int name) {
  const long pages = ::sysconf(name);
  return pages < 0 ? 0 : static_cast<size_t>(pages) * static_cast<size_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

int usable_cpus() {
  const int mask = cpus_in_affinity_mask();
  const auto quota = read_cgroup_limits().cpus;
  if (!quota || *quota >= mask) return mask;
  return std::max(1, static_cast<int>(std::ceil(*quota)));
}

size_t memory_limit_bytes() {
  const size_t most = std::min(pages_to_bytes(_SC_PHYS_PAGES), address_space_limit().value_or(SIZE_MAX));
  return std::min(most, read_cgroup_limits().memory_bytes.value_or(most));
}

size_t available_memory_bytes() {
  size_t bytes = find_kilobytes("/proc/meminfo", "MemAvailable:").value_or(pages_to_bytes(_SC_AVPHYS_PAGES));
  for (const MemoryLevel& level : read_limits("/proc", "/sys/fs/cgroup").memory)
    bytes = std::min(bytes, level.left_bytes());
  if (const auto limit = address_space_limit())
    bytes = std::min(bytes, *limit - std::min(*limit, address_space_bytes()));
  return bytes;
}

std::optional<size_t> address_space_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return std::nullopt;
  return static_cast<size_t>(limit.rlim_cur);
}

std::string hint_for_refused_memory(size_t bytes) {
  const auto limit = address_space_limit();
  const size_t used = limit ? address_space_bytes() : 0;
  // While the error was on its way some may have been given back.
  if (!limit || checked_add(bytes, used) < *limit / 2)
    return "close other programs, or ask for a smaller picture or `memory`";
  return fmt::format(
      "raise the limit of address space (ulimit -v): it is {} MiB, and {} MiB are taken; beside the memory of a plan "
      "the "
      "code of kernels takes some, 256 KiB each",
      *limit >> 20, used >> 20);
}

size_t resident_bytes() { return find_kilobytes("/proc/self/status", "VmRSS:").value_or(0); }

size_t peak_resident_bytes() { return find_kilobytes("/proc/self/status", "VmHWM:").value_or(0); }

bool reset_peak_resident() {  // a switch of the kernel, no file: core/files would write another and rename it
  const int file = ::open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
  if (file < 0) return false;
  const bool done = ::write(file, "5", 1) == 1;  // "peak resident set size" (proc(5))
  ::close(file);
  return done;
}

void release_free_heap() {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

void spare_address_space() {
#ifdef __GLIBC__
  if (address_space_limit()) mallopt(M_ARENA_MAX, 1);
#endif
}

CgroupLimits read_cgroup_limits(const fs::path& proc_root, const fs::path& cgroup_root) {
  const Limits limits = read_limits(proc_root, cgroup_root);
  CgroupLimits out;
  out.cpus = limits.cpus;
  const MemoryLevel* tightest = nullptr;
  for (const MemoryLevel& level : limits.memory) {
    out.memory_bytes = std::min(out.memory_bytes.value_or(level.limit_bytes), level.limit_bytes);
    if (tightest == nullptr || level.left_bytes() < tightest->left_bytes()) tightest = &level;
  }
  if (tightest != nullptr) out.memory_used_bytes = tightest->used_bytes;
  return out;
}

}  // namespace newbie
