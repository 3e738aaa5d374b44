// What this process may use of the machine: CPUs (affinity and cgroup quota), memory (cgroup limit), and what it
// does use (resident size).
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

namespace newbie {

// CPUs this process may run on: the affinity mask, cut to the cgroup's CPU quota rounded up; at least 1.
int usable_cpus();

// Bytes this process may use: the smallest of physical memory, every cgroup limit above it, and its address space
// (ulimit -v).
size_t memory_limit_bytes();

// Bytes that could be had now without swapping: MemAvailable, cut to what the cgroup and the address space have left.
size_t available_memory_bytes();

// Of this process (ulimit -v), where there is one. It is another budget than memory: what is only set aside counts,
// too, and each kernel that oneDNN makes takes 256 KiB for its code, which no plan has.
std::optional<size_t> address_space_limit();

// What to try after the system has refused so many bytes.
std::string hint_for_refused_memory(size_t bytes);

size_t resident_bytes();       // VmRSS now
size_t peak_resident_bytes();  // VmHWM since the start, or the last reset_peak_resident()

// The peak starts anew from what is resident now; false where the system does not allow it (then it stays as it was).
bool reset_peak_resident();

// Gives the heap's free pages back to the system, where the C library can: what resident_bytes() tells afterwards is
// what is in use, and not also what happened to be freed before.
void release_free_heap();

// Where address space is limited, one heap serves all threads: the C library sets 64 MiB of addresses aside for each
// thread's own. Call before there are threads.
void spare_address_space();

// The cgroup limits of a process as read from `proc` and `cgroup` roots (arguments for tests): v2 and v1.
struct CgroupLimits {
  std::optional<double> cpus;
  std::optional<size_t> memory_bytes;
  std::optional<size_t> memory_used_bytes;
};
CgroupLimits read_cgroup_limits(const std::filesystem::path& proc_root = "/proc",
                                const std::filesystem::path& cgroup_root = "/sys/fs/cgroup");

}  // namespace newbie
