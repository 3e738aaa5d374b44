// newbie devices: what networks can run on here, and why not on the rest.
#include <memory>

#include "arguments.h"
#include "backend/device_caps.h"
#include "backend/vulkan_devices.h"
#include "commands/commands.h"
#include "core/machine.h"
#include "devices_json.h"
#include "standard_streams.h"
#include "units.h"

namespace newbie {

namespace {

struct DevicesArguments {
  ReportArguments report;
};

std::string listed(std::initializer_list<std::pair<const char*, bool>> words) {
  std::string out;
  for (const auto& [word, has] : words)
    if (has) out += (out.empty() ? "" : ", ") + std::string(word);
  return out.empty() ? "none" : out;
}

std::string cpu_arithmetic(const DeviceCaps& cpu) {
  return listed({{"f32", true}, {"bf16", cpu.native_bf16}, {"f16", cpu.native_f16}, {"int8", cpu.native_int8}});
}
std::string arithmetic(const VulkanDevice& d) {
  return listed({{"f32", true}, {"bf16", d.bf16}, {"f16", d.f16}, {"int8", d.int8}, {"matrix units", d.matrices}});
}

std::string memory_of(const VulkanDevice& d) {
  return format_bytes(d.memory_bytes) + (d.free_bytes == 0 ? "" : fmt::format(", {} free", format_bytes(d.free_bytes)));
}

void tell(const DeviceCaps& cpu, const VulkanListing& listing) {
  constexpr const char* kRow = "  {:<12}{}\n";
  std::string out = fmt::format("cpu\n");
  out += fmt::format(kRow, "name", cpu.name) + fmt::format(kRow, "threads", usable_cpus());
  out += fmt::format(kRow, "memory", format_bytes(available_memory_bytes()) + " available");
  out += fmt::format(kRow, "native", cpu_arithmetic(cpu));
  for (const VulkanDevice& d : listing.devices) {
    out += fmt::format("vulkan:{}\n", d.number) + fmt::format(kRow, "name", d.name);
    out += fmt::format(kRow, "kind", to_string(d.kind));
    if (!d.driver.empty()) out += fmt::format(kRow, "driver", d.driver + ", Vulkan " + d.version);
    if (d.memory_bytes != 0) out += fmt::format(kRow, "memory", memory_of(d));
    out += fmt::format(kRow, "reports", fmt::format("{}; groups of {}", arithmetic(d), d.subgroup));
    if (!d.units.empty()) out += fmt::format(kRow, "matrices", d.units + ", proved");
    if (!d.units_refusal.empty()) out += fmt::format(kRow, "not used", "matrix units: " + d.units_refusal);
    out += fmt::format(kRow, "taken",
                       d.refusal.empty()
                           ? "when named" + std::string(d.kind == VulkanDevice::Kind::Discrete ? ", and by auto" : "")
                           : "no: " + d.refusal);
  }
  if (!listing.problem.empty()) out += fmt::format("no Vulkan device: {}\n", listing.problem);
  if (!listing.devices.empty())
    out += "without matrix units kernels multiply in f32, and 16-bit numbers save memory (docs/gpu.md)\n";
  print(out);
}

}  // namespace

Command add_devices(CLI::App& program) {
  CLI::App& parser = *program.add_subcommand("devices", "what networks can run on here, and why not on the rest");
  const auto args = std::make_shared<DevicesArguments>();
  add_report_flags(parser, args->report);
  return {&parser, [args] {
            const DeviceCaps cpu = this_cpu();
            const VulkanListing listing = list_vulkan_devices();
            if (args->report.json) return print_json(devices_json(cpu, listing));
            tell(cpu, listing);
          }};
}

}  // namespace newbie
