#include "backend/vulkan/matrix_proof.h"

#include <array>
#include <vector>

#include "backend/vulkan/kernel.h"
#include "backend/vulkan/kernel_list.h"
#include "backend/vulkan/memory.h"
#include "core/float_formats.h"
#include "graph/ops/linear.h"

namespace newbie::vulkan {

namespace {

// Ragged in every direction, and more than one group and one step of the depth.
constexpr int64_t kRows = 75, kColumns = 69, kDepth = 70;
constexpr const char* kPurpose = "a test of matrix units";

// Whole numbers from -most to most; each row has one that is `most`, so that 8-bit numbers have a scale of most / 127.
std::vector<float> whole_numbers(int64_t rows, uint32_t seed, int most) {
  std::vector<float> out;
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t i = 0; i < kDepth; ++i) {
      seed = seed * 1664525 + 1013904223;
      const int any = static_cast<int>((seed >> 16) % static_cast<uint32_t>(2 * most + 1)) - most;
      out.push_back(static_cast<float>(i == row % kDepth ? most : any));
    }
  return out;
}

Buffer uploaded(Memory& memory, const std::vector<std::byte>& bytes) {
  Buffer out = memory.allocate(bytes.size(), kPurpose);
  memory.upload(bytes.data(), out.data(), bytes.size());
  return out;
}

struct Trial {
  const char* name;
  std::optional<MatrixShape> MatrixUnits::*unit;
  DType operands, compute;
  int most;  // sums of products stay exact in f32
};
constexpr Trial kTrials[] = {{"f16", &MatrixUnits::f16, DType::F16, DType::F16, 9},
                             {"int8", &MatrixUnits::int8, DType::F32, DType::I8, 127}};

// Whether one linear layer by this unit gives what whole numbers give.
bool is_right(const std::shared_ptr<Device>& device, const Traits& traits, const Trial& trial) {
  const TensorSpec x{{kRows, kDepth}, trial.operands}, w{{kColumns, kDepth}, trial.operands};
  const TensorSpec y{{kRows, kColumns}, DType::F32};
  const KernelRequest request{.op = &linear_op,
                              .attrs = {},
                              .inputs = {x, w},
                              .output = y,
                              .precision = {DType::F32, trial.compute, DType::F32}};
  const auto kernel = make_best_kernel(request, traits, nullptr);
  if (!kernel) return false;
  const std::vector<float> of_x = whole_numbers(kRows, 1, trial.most), of_w = whole_numbers(kColumns, 2, trial.most);
  const auto bytes_of = [&](const std::vector<float>& values) {
    std::vector<std::byte> out(values.size() * size_of(trial.operands));
    convert(DType::F32, reinterpret_cast<const std::byte*>(values.data()), trial.operands, out.data(), values.size());
    return out;
  };
  Memory memory(device, {});
  const Buffer input = uploaded(memory, bytes_of(of_x));
  std::vector<std::byte> prepared = bytes_of(of_w);
  if (const WeightLayout layout = kernel->weight_layout(1); !layout.key.empty()) {
    std::vector<std::byte> packed(layout.bytes);
    ThreadPool alone(1);
    layout.pack({w, prepared.data()}, packed.data(), alone);
    prepared = std::move(packed);
  }
  const Buffer weight = uploaded(memory, prepared), output = memory.allocate(y.bytes(), kPurpose);
  const Buffer scratch = memory.allocate(std::max<size_t>(kernel->scratch_bytes(), 64), kPurpose);
  {
    Recorder recorder(*device, {});
    const std::array<const std::byte*, 2> inputs{input.data(), weight.data()};
    static_cast<const DeviceKernel&>(*kernel).record(recorder, {inputs, output.data(), scratch.data()});
    recorder.finish();
  }
  std::vector<float> got(static_cast<size_t>(kRows * kColumns));
  memory.download(output.data(), reinterpret_cast<std::byte*>(got.data()), y.bytes());
  for (int64_t row = 0; row < kRows; ++row)
    for (int64_t column = 0; column < kColumns; ++column) {
      float want = device->options().doubt_units ? 1.0f : 0.0f;
      for (int64_t i = 0; i < kDepth; ++i)
        want += of_x[static_cast<size_t>(row * kDepth + i)] * of_w[static_cast<size_t>(column * kDepth + i)];
      if (got[static_cast<size_t>(row * kColumns + column)] != want) return false;
    }
  return true;
}

}  // namespace

std::string prove_matrix_units(const std::shared_ptr<Device>& device) {
  const MatrixUnits reported = device->reported_units();
  MatrixUnits proved{.subgroup = reported.subgroup};
  std::string refusals;
  for (const Trial& trial : kTrials) {
    if (!(reported.*trial.unit)) continue;
    Traits traits = device->traits();
    traits.units = {.subgroup = reported.subgroup};
    traits.units.*trial.unit = reported.*trial.unit;
    std::string why = "gives wrong products";
    try {
      if (is_right(device, traits, trial)) {
        proved.*trial.unit = reported.*trial.unit;
        continue;
      }
    } catch (const Error& e) {
      device->check(VK_SUCCESS, "testing matrix units");  // that a device is lost is no question of its units
      why = e.message();
    }
    refusals += fmt::format("{}{} {}", refusals.empty() ? "" : "; ", trial.name, why);
  }
  device->use(proved);
  return refusals;
}

}  // namespace newbie::vulkan
