// How an engine is opened.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

#include "backend/registry.h"
#include "compile/precision.h"
#include "core/allocator.h"
#include "generate/adapter_place.h"
#include "generate/guard_mode.h"

namespace newbie {

struct EngineOptions {
  int threads = 0;                 // 0: as many as the process may use
  size_t memory_budget_bytes = 0;  // of all jobs together; 0: what the machine and its cgroup leave
  PrecisionRequest precision;
  BackendChoice backend = BackendChoice::Cpu;
  std::string device;              // of the backend, where it has several (DeviceChoice)
  std::string device_reason;       // why this one, where it was chosen
  size_t device_budget_bytes = 0;  // of a device's memory; 0: what its driver lets us have, less a tenth
  bool fuse = true;
  bool decompose = false;    // fused ops taken apart, to look into
  bool name_values = false;  // every value has a name, for observers that want all of them
  GuardMode guard = GuardMode::Retry;
  std::optional<std::filesystem::path> text_cache;  // a folder for what the encoders made of prompts
  // A folder for prepared weights: later runs map them instead of preparing them.
  std::optional<std::filesystem::path> weight_cache;
  AdapterPlace adapters;                             // where those of requests are looked for
  std::optional<std::filesystem::path> kept_hashes;  // a file for hashes of large weight files (weights/fingerprint.h)
  Allocator::FaultHook allocation_fault;             // tests
  MemorySpace::FaultHook device_allocation_fault;    // tests
};

}  // namespace newbie
