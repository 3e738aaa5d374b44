// Whole pictures on a Vulkan device: those of the CPU within its precision, with every byte of both memories planned,
// and every failure an Error. On Mesa's driver for the CPU (support/vulkan.h).
#include <algorithm>
#include <atomic>
#include <cmath>
#include <optional>

#include "core/json.h"
#include "generate/text_to_image.h"
#include "support/golden.h"
#include "support/vulkan.h"

namespace newbie::test {
namespace {

GenerateRequest request(int64_t width, int64_t height, int steps) {
  GenerateRequest r;
  r.prompt = "<character_1><n>aoi</n></character_1>";
  r.width = width;
  r.height = height;
  r.steps = steps;
  r.seed = 5;
  return r;
}

EngineOptions on_device(PrecisionRequest precision = PrecisionRequest::F32) {
  return {
      .threads = 2, .precision = precision, .backend = BackendChoice::Vulkan, .device = std::string(kSoftwareDriver)};
}

TextToImage open(const EngineOptions& options) {
  return TextToImage::open({.folder = avatar_path()}, options, silent_log());
}

struct Drawn {
  Image picture;
  GenerateResult result;
};
Drawn draw(TextToImage& engine, const GenerateRequest& r) {
  Drawn out;
  RunObserver progress;
  out.result = engine.generate(r, progress, {}, [&](GeneratedImage g) { out.picture = std::move(g.image); });
  return out;
}
Image drawn_by(const EngineOptions& options, const GenerateRequest& r) {
  TextToImage engine = open(options);
  return draw(engine, r).picture;
}

int largest_difference(const Image& a, const Image& b) {
  int out = a.pixels.size() == b.pixels.size() ? 0 : 256;
  for (size_t i = 0; out < 256 && i < a.pixels.size(); ++i) out = std::max(out, std::abs(a.pixels[i] - b.pixels[i]));
  return out;
}

double mean_square(const Image& a, const Image& b) {
  EXPECT_EQ(a.pixels.size(), b.pixels.size());
  double sum = 0;
  for (size_t i = 0; i < a.pixels.size(); ++i) sum += std::pow(a.pixels[i] - b.pixels[i], 2);
  return sum / static_cast<double>(a.pixels.size());
}

void expect_exact(const GenerateResult& r) {
  EXPECT_EQ(r.plan.device_peak_bytes(), r.device_peak_bytes);
  EXPECT_EQ(r.plan.allocated_peak_bytes(), r.allocated_peak_bytes);
}

std::optional<ErrorKind> failure_of(TextToImage& engine, const GenerateRequest& r) {
  try {
    draw(engine, r);
    return std::nullopt;
  } catch (const Error& e) {
    return e.kind();
  }
}

}  // namespace

TEST(VulkanPicture, IsTheCpusInF32) {
  NEWBIE_NEEDS_VULKAN();
  const GenerateRequest r = request(128, 128, 2);
  const Image want = drawn_by({.threads = 2, .precision = PrecisionRequest::F32}, r);
  TextToImage engine = open(on_device());
  const Drawn got = draw(engine, r);
  EXPECT_LE(largest_difference(got.picture, want), 1);
  expect_exact(got.result);
}

// As near to the f32 pictures as the CPU's own bf16 and int8 pictures are. Both round in different places, so that the
// errors of one picture are two draws of chance (measured: a standard deviation of 2 dB between them, on either side):
// eight pictures are taken together, whose mean is known to 0.7 dB, and four deviations are left to it.
void expect_as_near_as_the_cpus(DType dtype) {
  const PrecisionRequest precision(PrecisionPreset::Auto, dtype);
  TextToImage f32 = open({.threads = 2, .precision = PrecisionRequest::F32});
  TextToImage cpu = open({.threads = 2, .precision = precision});
  TextToImage device = open(on_device(precision));
  double of_cpu = 0, of_device = 0;
  for (GenerateRequest r = request(64, 64, 2); r.seed < 13; ++r.seed) {
    const Image want = draw(f32, r).picture;
    of_cpu += mean_square(draw(cpu, r).picture, want);
    of_device += mean_square(draw(device, r).picture, want);
  }
  EXPECT_GT(of_cpu, 0);
  EXPECT_LE(10 * std::log10(of_device / of_cpu), 4 * 0.7) << of_device << " beside the CPU's " << of_cpu;
}

TEST(VulkanPicture, AreAsNearInBf16AsTheCpus) {
  NEWBIE_NEEDS_VULKAN();
  expect_as_near_as_the_cpus(DType::BF16);
}

TEST(VulkanPicture, AreAsNearInInt8AsTheCpus) {
  NEWBIE_NEEDS_VULKAN();
  expect_as_near_as_the_cpus(DType::I8);
}

TEST(VulkanPicture, StartsFromPicturesAndDrawsTwice) {
  NEWBIE_NEEDS_VULKAN();
  GenerateRequest r = request(64, 64, 2);
  r.init_image = Image{64, 64, 3, std::vector<uint8_t>(64 * 64 * 3, 90)};
  r.strength = 1;
  r.hires_scale = 1.5;
  r.hires_steps = 2;
  r.hires_strength = 1;
  r.batch = 2;
  const Image want = drawn_by({.threads = 2, .precision = PrecisionRequest::F32}, r);
  TextToImage engine = open(on_device());
  const Drawn got = draw(engine, r);
  EXPECT_LE(largest_difference(got.picture, want), 1);
  expect_exact(got.result);
}

// Budgets of the device's memory from what the fastest way needs down to the smallest: each plan is exact and within
// it, weights stream where they do not fit, and the picture is the same.
TEST(VulkanMemory, PlannedBytesAreAllocatedInBothSpaces) {
  NEWBIE_NEEDS_VULKAN();
  const GenerateRequest r = request(64, 64, 1);
  TextToImage roomy = open(on_device());
  const Drawn want = draw(roomy, r);
  expect_exact(want.result);
  const Drawn again = draw(roomy, r);
  EXPECT_EQ(again.picture, want.picture) << "the same bytes again";
  expect_exact(again.result);
  const size_t most = want.result.plan.device_peak_bytes();
  EXPECT_GT(most, size_t{1} << 20);
  bool streamed = false;
  for (const double part : {0.9, 0.5, 0.25}) {
    EngineOptions options = on_device();
    options.device_budget_bytes = static_cast<size_t>(part * static_cast<double>(most));
    TextToImage engine = open(options);
    const Drawn got = draw(engine, r);
    EXPECT_EQ(got.picture, want.picture) << part;
    EXPECT_LE(got.result.plan.device_peak_bytes(), options.device_budget_bytes);
    expect_exact(got.result);
    streamed = streamed || !got.result.plan.streamed.empty();
  }
  EXPECT_TRUE(streamed);

  EngineOptions starved = on_device();
  starved.device_budget_bytes = 1 << 16;
  TextToImage engine = open(starved);
  EXPECT_EQ(failure_of(engine, r), ErrorKind::OverBudget);
}

// The plan of a card that is not here is that of one that is, at every budget; to draw on it is refused.
TEST(VulkanMemory, AnAssumedCardIsPlannedLikeOneThatIsHere) {
  NEWBIE_NEEDS_VULKAN();
  const GenerateRequest r = request(64, 64, 1);
  size_t most = 0;
  for (const double part : {1.0, 0.6, 0.3}) {
    EngineOptions here = on_device(), assumed = on_device();
    assumed.device = kAssumedDevice;
    here.device_budget_bytes = assumed.device_budget_bytes =
        most == 0 ? kAssumedDeviceBytes : static_cast<size_t>(part * static_cast<double>(most));
    TextToImage engine = open(here), other = open(assumed);
    const MemoryPlan want = engine.prepare(r).plan(), got = other.prepare(r).plan();
    EXPECT_EQ(got.stages, want.stages) << part;
    most = std::max(most, got.device_peak_bytes());
    EXPECT_EQ(failure_of(other, r), ErrorKind::Unsupported);
  }
}

// What made the picture is said in it: device, driver and kernels.
TEST(VulkanPicture, SaysWhatDrewIt) {
  NEWBIE_NEEDS_VULKAN();
  const auto said = [](const EngineOptions& options) {
    return parse_json(open(options).prepare(request(16, 16, 1)).request_json(0), "a picture's JSON");
  };
  const Json device = said(on_device()).at("device");
  for (const char* word : {"vulkan, llvmpipe", "Mesa", "direct kernels"})
    EXPECT_NE(device.get<std::string>().find(word), std::string::npos) << device << ": " << word;
  EXPECT_FALSE(said({.threads = 2}).contains("device"));
}

TEST(VulkanFaults, EveryAllocationOfTheDeviceMayFail) {
  NEWBIE_NEEDS_VULKAN();
  std::atomic<size_t> calls = 0, at = SIZE_MAX;
  EngineOptions options = on_device();
  options.device_allocation_fault = [&](size_t, size_t) { return calls++ != at; };
  TextToImage engine = open(options);
  const GenerateRequest r = request(16, 16, 1);
  const Image want = draw(engine, r).picture;
  const size_t all = calls;
  ASSERT_GT(all, 100U);
  for (size_t n = 0; n < all; n += all / 12) {  // after the first, nothing is loaded any more
    at = n;
    calls = 0;
    EXPECT_EQ(failure_of(engine, r), ErrorKind::OverBudget) << "allocation " << n;
  }
  at = SIZE_MAX;
  EXPECT_EQ(draw(engine, r).picture, want);
}

TEST(VulkanFaults, ARunCanBeStopped) {
  NEWBIE_NEEDS_VULKAN();
  TextToImage engine = open(on_device());
  std::atomic<bool> stop = false;
  struct StopAtStep : RunObserver {
    explicit StopAtStep(std::atomic<bool>& flag) : stop(flag) {}
    void on_step(const RunPlace&, double) override { stop = true; }
    std::atomic<bool>& stop;
  } progress(stop);
  try {
    engine.generate(request(16, 16, 8), progress, StopToken(&stop), [](GeneratedImage) { FAIL() << "it was drawn"; });
    FAIL() << "it was not stopped";
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::Cancelled);
  }
  EXPECT_FALSE(draw(engine, request(16, 16, 1)).picture.pixels.empty());
}

TEST(VulkanDevices, ThoseThatAreNotThereAreRefused) {
  NEWBIE_NEEDS_VULKAN();
  EXPECT_EQ(choose_device("cpu").backend, BackendChoice::Cpu);
  EXPECT_EQ(choose_device("vulkan").backend, BackendChoice::Vulkan);
  EXPECT_EQ(choose_device("vulkan:llvm").device, "llvm");
  EXPECT_THROW(choose_device("gpu"), Error);
  EXPECT_THROW(choose_device("vulkans"), Error);
  for (const char* which : {"99", "no such card"}) {
    EngineOptions options = on_device();
    options.device = which;
    EXPECT_THROW(open(options), Error) << which;
  }
  // A driver on the CPU is never chosen by itself.
  const DeviceChoice automatic = choose_device("auto");
  EXPECT_FALSE(automatic.reason.empty());
  if (automatic.backend == BackendChoice::Vulkan) {
    EXPECT_EQ(automatic.reason.find(kSoftwareDriver), std::string::npos);
  }
}

}  // namespace newbie::test
