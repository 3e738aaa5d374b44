// Vulkan in tests: on Mesa's driver for the CPU, so that every machine runs the same. Without it they skip, by name;
// where NEWBIE_TEST_VULKAN is 1, as in CI, they fail.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <string_view>

#include "backend/vulkan_devices.h"

namespace newbie::test {

inline constexpr std::string_view kSoftwareDriver = "llvmpipe";

// Why there is no such driver; empty when there is.
inline std::string no_software_driver() {
  static const std::string why = [] {
    const VulkanListing listing = list_vulkan_devices();
    for (const VulkanDevice& device : listing.devices)
      if (device.name.find(kSoftwareDriver) != std::string::npos && device.refusal.empty()) return std::string();
    return listing.problem.empty() ? std::string("there is no driver for the CPU among the Vulkan devices")
                                   : listing.problem;
  }();
  return why;
}

inline bool is_one(const char* variable) {
  const char* wish = std::getenv(variable);
  return wish != nullptr && std::string_view(wish) == "1";
}
inline bool must_have_vulkan() { return is_one("NEWBIE_TEST_VULKAN"); }
inline bool must_have_matrix_units() { return is_one("NEWBIE_TEST_MATRIX_UNITS"); }

// First in the body of a test.
#define NEWBIE_NEEDS_VULKAN()                                                       \
  if (const std::string why = ::newbie::test::no_software_driver(); !why.empty()) { \
    ASSERT_FALSE(::newbie::test::must_have_vulkan()) << why;                        \
    GTEST_SKIP() << why;                                                            \
  }

}  // namespace newbie::test
