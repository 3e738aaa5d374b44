// The one list of backends: their names and how they are made.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "backend/backend.h"

namespace newbie {

enum class BackendChoice { Cpu, Reference, Vulkan };

struct BackendRow {
  BackendChoice choice;
  const char* name;  // as a user writes it
  const char* meaning;
};
std::span<const BackendRow> backends();

// `device`: for a backend that has several, as make_vulkan_backend() takes it.
std::unique_ptr<Backend> make_backend(BackendChoice choice, std::string_view device = {});

// What a user means by "cpu", "vulkan", "vulkan:0", "vulkan:NAME" or "auto", which is a card where there is one that
// can be taken. `reason`: why, where it was for us to choose. Error{InvalidRequest} for other words.
struct DeviceChoice {
  BackendChoice backend = BackendChoice::Cpu;
  std::string device;
  std::string reason;
};
DeviceChoice choose_device(std::string_view words);

}  // namespace newbie
