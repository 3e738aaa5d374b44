// What every fuzz target shares: hostile bytes may be refused, by the error kinds their reader promises, and nothing
// else may happen.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <string_view>

#include "core/error.h"

namespace newbie::fuzz {

// Stops the fuzzer with the sentence that was broken.
inline void require(bool condition, const char* promise) {
  if (condition) return;
  std::fprintf(stderr, "broken promise: %s\n", promise);
  std::abort();
}

// Runs `work`; false when it refused with one of `kinds`. Other kinds, and other exceptions, stop the fuzzer.
template <typename Work>
bool survives(std::initializer_list<ErrorKind> kinds, Work work) {
  try {
    work();
    return true;
  } catch (const Error& error) {
    for (ErrorKind kind : kinds)
      if (kind == error.kind()) return false;
    std::fprintf(stderr, "%.*s: %s\n", static_cast<int>(to_string(error.kind()).size()), to_string(error.kind()).data(),
                 error.what());
    std::abort();
  }
}

inline std::string_view text_of(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace newbie::fuzz

// What libFuzzer calls.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
