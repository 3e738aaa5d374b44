#include "compile/devices.h"

#include <fmt/format.h>

namespace newbie {

DeviceCaps accelerator(int major, int minor) {
  return {.name = fmt::format("an accelerator of compute capability {}.{}", major, minor),
          .native_bf16 = major >= 8,
          .native_f16 = true,
          .native_int8 = true};
}

}  // namespace newbie
