#include "devices_json.h"

#include <fmt/format.h>

#include "core/machine.h"

namespace newbie {

OrderedJson devices_json(const DeviceCaps& cpu, const VulkanListing& listing) {
  OrderedJson devices = OrderedJson::array();
  for (const VulkanDevice& d : listing.devices)
    devices.push_back({{"device", fmt::format("vulkan:{}", d.number)},
                       {"name", d.name},
                       {"kind", to_string(d.kind)},
                       {"driver", d.driver},
                       {"vulkan", d.version},
                       {"memory_bytes", d.memory_bytes},
                       {"free_bytes", d.free_bytes},
                       {"subgroup", d.subgroup},
                       {"f16", d.f16},
                       {"bf16", d.bf16},
                       {"int8", d.int8},
                       {"matrices", d.matrices},
                       {"units", d.units},
                       {"units_refusal", d.units_refusal},
                       {"refusal", d.refusal}});
  return {{"cpu",
           {{"name", cpu.name},
            {"threads", usable_cpus()},
            {"available_bytes", available_memory_bytes()},
            {"bf16", cpu.native_bf16},
            {"f16", cpu.native_f16},
            {"int8", cpu.native_int8}}},
          {"vulkan", devices},
          {"problem", listing.problem}};
}

}  // namespace newbie
