// The Vulkan devices of this machine, as people are told of them, and the backend that runs on one. Where this program
// was built without Vulkan, there are none, and the reason says so. Nothing is opened before it is asked for.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "backend/backend.h"

namespace newbie {

struct VulkanDevice {
  enum class Kind { Discrete, Integrated, Virtual, Other, Software };  // best first

  int number = 0;  // as `vulkan:0` names it
  std::string name, driver, version;
  Kind kind = Kind::Other;
  size_t memory_bytes = 0;  // of its own
  size_t free_bytes = 0;    // what its driver lets this process have now; 0: it does not say
  int subgroup = 0;         // invocations that go together
  bool f16 = false, int8 = false, matrices = false, bf16 = false;  // arithmetic that it says it has
  std::string units;          // matrix units that are used, with their shapes; empty: none
  std::string units_refusal;  // why those that it reports are not
  std::string refusal;        // why it is not taken; empty: it can be
};
std::string_view to_string(VulkanDevice::Kind kind);

struct VulkanListing {
  std::vector<VulkanDevice> devices;
  std::string problem;  // why there are none, where nothing could be asked
};
VulkanListing list_vulkan_devices();

// What tests put in the way of a backend.
struct VulkanOptions {
  // Called with a function's name before each call that may fail; false makes it fail as that call does when it fails.
  std::function<bool(const char* call)> fault;
  bool staged = false;       // copies go through a buffer of the host's, as on a card, where memory could be mapped
  bool units = true;         // matrix units are tried and, where they are right, used
  bool doubt_units = false;  // none are right
  bool tiled = false;        // matrix kernels for GPUs, also on a driver that runs on a CPU
  double work_of_submission = 0;  // multiplications and additions; 0: as much as takes a tenth of a second
  double patience_seconds = 0;    // after which a device that has not answered is given up; 0: one or ten minutes
};

// `which`: a number of the list, a part of a name, or empty for the best that can be taken: a software driver only when
// there is nothing else. Error{InvalidRequest} when there is no such device; Error{Unsupported} with the reason when it
// cannot be taken.
std::unique_ptr<Backend> make_vulkan_backend(std::string_view which = {}, VulkanOptions options = {});

// The `which` of a card that is not here: plans are made for it, nothing runs on it. It has the kernels of cards,
// memory of its own that is not mapped, and all of this free.
inline constexpr std::string_view kAssumedDevice = "assumed";
inline constexpr size_t kAssumedDeviceBytes = size_t{8} << 30;

// Of the memory of `backend`'s device: what its driver lets this process have beside what it has; all of it where the
// driver does not say; 0 for another backend.
size_t free_device_bytes(const Backend& backend);

}  // namespace newbie
