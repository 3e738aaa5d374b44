// Every path of the guard: a bad weight, a bad value at one step, a decoder that draws nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "core/files.h"
#include "core/json.h"
#include "generate/finite.h"
#include "generate/text_to_image.h"
#include "support/golden.h"
#include "unit/core/temporary_folder.h"
#include "weights/safetensors_writer.h"

namespace newbie::test {
namespace {

namespace fs = std::filesystem;

GenerateRequest small_request() {
  GenerateRequest r;
  r.prompt = "1girl, purple_hair";
  r.width = r.height = 32;
  r.sampler = "euler";
  r.steps = 4;
  r.seed = 3;
  return r;
}

using ValueFault = std::function<void(const std::string& path, TensorView value)>;

// Changes values while they are computed.
struct Faulty final : RunObserver {
  explicit Faulty(ValueFault f) : fault(std::move(f)) {}
  ValueFault fault;
  Wants wants() const override { return {.alterations = fault != nullptr}; }
  void alter(const RunPlace&, std::string_view, const std::string& path, TensorView value) override {
    fault(path, value);
  }
};

struct Drawn {
  Image image;
  Json text;
  GenerateResult result;
};

struct Words : Log {
  std::vector<std::string> warnings;
  void write(LogLevel level, std::string_view text) override {
    if (level == LogLevel::Warning) warnings.emplace_back(text);
  }
};

Drawn draw(const EngineOptions& options, Log& log, const ModelPaths& model = {.folder = avatar_path()},
           ValueFault fault = {}) {
  TextToImage engine = TextToImage::open(model, options, log);
  Drawn out;
  Faulty observer(std::move(fault));
  out.result = engine.generate(small_request(), observer, {}, [&](GeneratedImage g) {
    out.image = std::move(g.image);
    out.text = Json::parse(g.request_json);
  });
  return out;
}

EngineOptions with(GuardMode mode, PrecisionRequest precision = PrecisionRequest::BF16) {
  return {.threads = 2, .precision = precision, .guard = mode};
}

Drawn draw(const EngineOptions& options, Log& log, ValueFault fault) {
  return draw(options, log, {.folder = avatar_path()}, std::move(fault));
}

// Puts an infinity into a block's result the `times` times it is made as `only` after `skip` such times.
struct Fault {
  std::string path;
  int skip = 0, times = 1;
  DType only = DType::BF16;
  int seen = 0;

  void operator()(const std::string& at, TensorView value) {
    if (at != path || value.spec.dtype != only) return;
    if (seen++ < skip || seen > skip + times) return;
    const float bad = std::numeric_limits<float>::infinity();
    if (only == DType::F32) value.span<float>()[5] = bad;
    if (only == DType::BF16) value.span<uint16_t>()[5] = 0x7F80;
    if (only == DType::F16) value.span<uint16_t>()[5] = 0x7C00;
  }
};

std::optional<Error> error_of(const auto& work) {
  try {
    work();
  } catch (const Error& e) {
    return e;
  }
  return std::nullopt;
}

TEST(Guard, AHealthyRunIsTheSameInEveryMode) {
  Words log;
  const Drawn want = draw(with(GuardMode::Off), log);
  for (GuardMode mode : {GuardMode::Warn, GuardMode::Retry, GuardMode::Strict}) {
    const Drawn got = draw(with(mode), log);
    EXPECT_EQ(got.image, want.image);
    EXPECT_TRUE(got.result.guard_events.empty());
    EXPECT_FALSE(got.text.contains("guard"));
    EXPECT_EQ(got.result.plan.allocated_peak_bytes(), got.result.allocated_peak_bytes);
  }
  EXPECT_TRUE(log.warnings.empty());
}

// The stored residual stream of the fast preset is bf16: a block run again in f32 is another tensor.
TEST(Guard, ABadStepIsRunAgainWithItsBlockInF32) {
  Words log;
  const Drawn healthy = draw(with(GuardMode::Retry, {PrecisionPreset::Fast, DType::BF16}), log);
  EngineOptions options = with(GuardMode::Retry, {PrecisionPreset::Fast, DType::BF16});
  // Two are Gemma's, two of evaluation 1.
  const Drawn got = draw(options, log, Fault{.path = "layers.1", .skip = 4, .times = 1000});
  ASSERT_EQ(got.result.guard_events.size(), 1U);
  const GuardEvent& event = got.result.guard_events[0];
  EXPECT_EQ(event.where, "transformer.layers.1");
  EXPECT_EQ(event.problem, "infinite values");
  EXPECT_EQ(event.evaluation, 2);
  EXPECT_THAT(event.action, ::testing::HasSubstr("transformer.layers.1 in f32"));
  EXPECT_EQ(got.text["guard"][0]["where"], "transformer.layers.1");
  EXPECT_EQ(log.warnings.size(), 1U);
  EXPECT_GT(psnr(got.image.pixels, healthy.image.pixels), 25.0);
  EXPECT_NE(got.image, healthy.image);
  // What the retry took is in the plan that was run.
  EXPECT_EQ(got.result.plan.stages.back().name(), "denoise retry");
  EXPECT_EQ(got.result.plan.allocated_peak_bytes(), got.result.allocated_peak_bytes);
}

TEST(Guard, ThenTheWholePartIsRunInF32) {
  Words log;
  EngineOptions options = with(GuardMode::Retry);
  // The block's result is f32 in this preset: only a run with no bf16 anywhere is healthy.
  struct WhileAnyIsNarrow {
    bool narrow = false;
    void operator()(const std::string& at, TensorView value) {
      if (at == "layers.0.attention.qkv") narrow = value.spec.dtype == DType::BF16;
      if (at == "layers.1" && narrow) value.span<float>()[0] = NAN;
    }
  };
  const Drawn got = draw(options, log, WhileAnyIsNarrow{});
  ASSERT_EQ(got.result.guard_events.size(), 2U);
  EXPECT_THAT(got.result.guard_events[0].action, ::testing::HasSubstr("transformer.layers.1 in f32"));
  EXPECT_THAT(got.result.guard_events[1].action, ::testing::HasSubstr("transformer in f32"));
  EXPECT_EQ(got.result.plan.allocated_peak_bytes(), got.result.allocated_peak_bytes);
}

TEST(Guard, ARetryThatDoesNotHelpIsAnErrorAndLeavesAGoodEngine) {
  Words log;
  bool armed = false;
  EngineOptions options = with(GuardMode::Retry);
  Faulty progress([&](const std::string& at, TensorView value) {
    if (armed && at == "noise_refiner.0") value.span<float>()[0] = NAN;
  });
  TextToImage engine = TextToImage::open({.folder = avatar_path()}, options, log);
  Image want, got;
  const size_t planned = engine.plan(small_request()).allocated_peak_bytes();  // with nothing loaded
  engine.generate(small_request(), progress, {}, [&](GeneratedImage g) { want = std::move(g.image); });
  armed = true;
  int pictures = 0;
  const auto error = error_of([&] { engine.generate(small_request(), progress, {}, [&](auto) { ++pictures; }); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind(), ErrorKind::BadFile);
  EXPECT_THAT(error->message(), ::testing::HasSubstr("transformer.noise_refiner.0: NaN, in f32 too"));
  EXPECT_EQ(pictures, 0);
  armed = false;
  EXPECT_EQ(engine.plan(small_request()).allocated_peak_bytes(), planned);
  engine.generate(small_request(), progress, {}, [&](GeneratedImage g) { got = std::move(g.image); });
  EXPECT_EQ(got, want);
}

TEST(Guard, StrictFailsAtOnceAndWarnChangesNothing) {
  Words log;
  EngineOptions options = with(GuardMode::Strict, {PrecisionPreset::Fast, DType::BF16});
  const Fault fault{.path = "layers.1", .skip = 3};
  const auto error = error_of([&] { draw(options, log, fault); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind(), ErrorKind::Unsupported);
  EXPECT_THAT(error->message(), ::testing::HasSubstr("transformer.layers.1: infinite values"));

  options.guard = GuardMode::Off;
  const Drawn off = draw(options, log, fault);
  EXPECT_TRUE(off.result.guard_events.empty());
  options.guard = GuardMode::Warn;
  const Drawn warned = draw(options, log, fault);
  EXPECT_EQ(warned.image, off.image);
  ASSERT_FALSE(warned.result.guard_events.empty());
  EXPECT_EQ(warned.result.guard_events[0].where, "transformer.layers.1");
  EXPECT_EQ(warned.result.guard_events[0].action, "left as it is");
}

TEST(Guard, ABadValueOfAnEncoderIsRunAgain) {
  Words log;
  EngineOptions options = with(GuardMode::Retry, {PrecisionPreset::Fast, DType::BF16});
  const Drawn got = draw(options, log, Fault{.path = "layers.1", .times = 1});  // Gemma's come first
  ASSERT_EQ(got.result.guard_events.size(), 1U);
  EXPECT_EQ(got.result.guard_events[0].where, "text_encoder.layers.1");
  EXPECT_EQ(got.result.guard_events[0].evaluation, 0);
  EXPECT_EQ(got.result.plan.stages.back().name(), "gemma retry");
}

// The number that a refusal names.
size_t named_budget(const EngineOptions& base, const GenerateRequest& request, size_t budget) {
  EngineOptions options = base;
  options.memory_budget_bytes = budget;
  TextToImage engine = TextToImage::open({.folder = avatar_path()}, options, silent_log());
  const auto error = error_of([&] { engine.plan(request); });
  if (!error) return 0;  // it is enough
  const size_t at = error->message().find("needs ");
  EXPECT_NE(at, std::string::npos) << error->message();
  return static_cast<size_t>(std::stoull(error->message().substr(at + 6))) << 20;
}

// Over every budget from the smallest that is taken up to all it could want: a retry stays within it, and draws.
TEST(Guard, ARetryNeverGoesOverTheBudget) {
  Words log;
  EngineOptions options = with(GuardMode::Retry, {PrecisionPreset::Fast, DType::BF16});
  GenerateRequest request = small_request();
  request.width = request.height = 96;
  request.steps = 2;
  constexpr size_t kMiB = size_t{1} << 20;
  // A refusal has tried every way, which leaves this process larger than the one whose budget it names.
  named_budget(options, request, kMiB);
  const size_t least = named_budget(options, request, kMiB) + 4 * kMiB;
  const char* const blocks[] = {"layers.1", "decoder.up_blocks.1"};
  size_t with_retry = 0;
  for (size_t budget = least; budget < least + 48 * kMiB; budget += 8 * kMiB)
    for (const char* block : blocks) {
      options.memory_budget_bytes = budget;
      TextToImage engine = TextToImage::open({.folder = avatar_path()}, options, log);
      Job job = engine.prepare(request);
      EXPECT_LE(job.plan().held_bytes(), budget);
      Faulty observer([&](const std::string& at, TensorView value) {
        if (at == block && value.spec.dtype == DType::BF16) value.span<uint16_t>()[0] = 0x7FC0;
      });
      const GenerateResult result = job.run(observer, {}, [](auto) {});
      EXPECT_FALSE(result.guard_events.empty());
      EXPECT_LE(result.plan.peak_bytes(), budget) << block;
      EXPECT_EQ(result.plan.allocated_peak_bytes(), result.allocated_peak_bytes) << block << " in " << budget / kMiB;
      with_retry += result.plan.stages.back().retry ? 1 : 0;
    }
  EXPECT_GT(with_retry, 6U);
}

// What fits in M fits in M + 1.
TEST(Guard, WhatABudgetHasRoomForALargerOneHas) {
  EngineOptions options = with(GuardMode::Retry, {PrecisionPreset::Fast, DType::BF16});
  GenerateRequest request = small_request();
  request.steps = 2;
  constexpr size_t kMiB = size_t{1} << 20;
  named_budget(options, request, kMiB);
  const size_t least = named_budget(options, request, kMiB) + 4 * kMiB;
  for (size_t budget = least; budget < least + 40 * kMiB; budget += 2 * kMiB)
    EXPECT_EQ(named_budget(options, request, budget), 0U) << budget / kMiB << " MiB";
}

// A model of the avatar's files with one of them written anew.
fs::path changed_model(const TemporaryFolder& folder, const std::string& file,
                       const std::function<void(const std::string& name, std::vector<float>& values)>& change) {
  const fs::path out = folder / "model";
  fs::copy(avatar_path(), out, fs::copy_options::recursive);
  const SafetensorsFile source(avatar_path() / file);
  std::vector<NamedTensor> tensors;
  std::vector<std::vector<float>> values;
  values.reserve(source.entries().size());
  for (const SafetensorsEntry& entry : source.entries()) {
    Tensor t = as_tensor({source.spec(entry), source.bytes(entry).data()});
    change(entry.name, t.values);
    values.push_back(std::move(t.values));
    tensors.push_back({entry.name, {{t.shape, DType::F32}, reinterpret_cast<const std::byte*>(values.back().data())}});
  }
  write_safetensors(out / file, tensors);
  return out;
}

TEST(Guard, ANaNInAWeightIsNamed) {
  const TemporaryFolder folder;
  const fs::path model = changed_model(folder, "transformer/diffusion_pytorch_model.safetensors",
                                       [](const std::string& name, std::vector<float>& values) {
                                         if (name == "layers.2.feed_forward.w2.weight") values[7] = NAN;
                                       });
  Words log;
  const auto error = error_of([&] { draw(with(GuardMode::Retry), log, {.folder = model}); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind(), ErrorKind::BadFile);
  EXPECT_THAT(error->message(), ::testing::HasSubstr("'layers.2.feed_forward.w2.weight' has NaN at element 7"));
  EXPECT_THAT(error->message(), ::testing::HasSubstr("transformer.layers.2 cannot be computed"));
  EXPECT_THAT(error->hint(), ::testing::HasSubstr("check_weights"));
}

TEST(Guard, AZeroedDecoderDrawsNoPicture) {
  const TemporaryFolder folder;
  const fs::path model =
      changed_model(folder, "vae/diffusion_pytorch_model.safetensors",
                    [](const std::string&, std::vector<float>& values) { std::ranges::fill(values, 0.0f); });
  Words log;
  for (PrecisionRequest precision : {PrecisionRequest::F32, PrecisionRequest::BF16}) {
    const auto error = error_of([&] { draw(with(GuardMode::Retry, precision), log, {.folder = model}); });
    ASSERT_TRUE(error);
    EXPECT_EQ(error->kind(), ErrorKind::BadFile);
    EXPECT_THAT(error->message(), ::testing::HasSubstr("picture: it has one colour"));
  }
  const Drawn warned = draw(with(GuardMode::Warn), log, {.folder = model});
  ASSERT_EQ(warned.result.guard_events.size(), 1U);
  EXPECT_EQ(warned.result.guard_events[0].where, "picture");
}

// No fault made up: sums over a group of the decoder's channels and pixels are no f16.
TEST(Guard, WhatNaiveF16CannotSumIsFoundAndCured) {
  Words log;
  TextToImage engine =
      TextToImage::open({.folder = avatar_path()}, with(GuardMode::Retry, PrecisionRequest::F16Naive), log);
  GenerateRequest request = small_request();
  request.width = request.height = 128;
  request.steps = 2;
  RunObserver progress;
  const GenerateResult result = engine.generate(request, progress, {}, [](auto) {});
  ASSERT_FALSE(result.guard_events.empty());
  EXPECT_THAT(result.guard_events[0].where, ::testing::StartsWith("vae.decoder.up_blocks"));
  EXPECT_EQ(result.guard_events.back().action, "run again with vae in f32");
  EXPECT_EQ(result.plan.allocated_peak_bytes(), result.allocated_peak_bytes);
}

TEST(Guard, TheLargestMagnitudeOfAnyFormat) {
  ThreadPool threads(2);
  std::vector<float> values(100000, 0.25f);
  values[70000] = -3.5f;
  for (DType dtype : {DType::F32, DType::BF16, DType::F16}) {
    const Tensor t{{100000}, values};
    const auto most = [&](const Tensor& tensor) {
      const std::vector<std::byte> bytes = as_bytes(tensor, dtype);
      return abs_max({{tensor.shape, dtype}, bytes.data()}, threads);
    };
    EXPECT_EQ(most(t), 3.5f);
    Tensor bad = t;
    bad.values[3] = -std::numeric_limits<float>::infinity();
    EXPECT_TRUE(std::isinf(most(bad)));
    bad.values[99999] = -NAN;
    EXPECT_TRUE(std::isnan(most(bad)));
  }
}

}  // namespace
}  // namespace newbie::test
