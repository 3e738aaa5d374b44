// Every kernel of the four networks, at full size, handed to a driver's compiler: static_kernels.py runs it on Mesa's
// AMD driver for chips that are not there, whose memory cannot be had. Nothing is computed.
#include <cstdio>

#include "backend/vulkan/kernel.h"
#include "measure/workload.h"
#include "support/vulkan.h"

namespace newbie::test {

TEST(VulkanStatic, DISABLED_KernelsOfTheNetworks) {
  const auto instance = std::make_shared<const vulkan::Instance>();
  const auto device =
      std::make_shared<vulkan::Device>(instance, instance->devices().front(), VulkanOptions{.compile_only = true});
  const auto assumed = make_vulkan_backend(kAssumedDevice);
  vulkan::Recorder recorder(*device, {});
  const auto* const somewhere = reinterpret_cast<std::byte*>(size_t{1} << 20);
  for (const DType dtype : {DType::BF16, DType::I8})
    for (const Work work : {Work::Step, Work::Text, Work::Clip, Work::Decode}) {
      const Program program = compile_workload(
          {.work = work, .layers = work == Work::Step ? 1 : 0}, full_size(),
          {.precision = resolve_precision(PrecisionRequest(PrecisionPreset::Auto, dtype), assumed->caps()).policy,
           .backend = assumed.get()});
      for (const LoweredGraph::Step& step : program.lowered().steps) {
        const auto* kernel = dynamic_cast<const vulkan::DeviceKernel*>(step.kernel.get());
        if (kernel == nullptr) continue;
        std::fprintf(stderr, "KERNEL %s: %s, %s\n", std::string(to_string(work)).c_str(), kernel->name().c_str(),
                     step.output.spec.shape.str().c_str());
        const std::vector<const std::byte*> inputs(step.inputs.size(), somewhere);
        kernel->record(recorder, {inputs, const_cast<std::byte*>(somewhere), const_cast<std::byte*>(somewhere)});
      }
    }
}

}  // namespace newbie::test
