// Every path of the guard: a bad weight, a bad value at one step, a decoder that draws nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "core/files.h"
#include "core/json.h"
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

Drawn draw(const EngineOptions& options, Log& log, const ModelPaths& model = {.folder = avatar_path()}) {
  TextToImage engine = TextToImage::open(model, options, log);
  Drawn out;
  Progress progress;
  out.result = engine.generate(small_request(), progress, {}, [&](GeneratedImage g) {
    out.image = std::move(g.image);
    out.text = Json::parse(g.request_json);
  });
  return out;
}

EngineOptions with(GuardMode mode, PrecisionRequest precision = PrecisionRequest::BF16) {
  return {.threads = 2, .precision = precision, .guard = mode};
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
  options.value_fault = Fault{.path = "layers.1", .skip = 4, .times = 1000};  // two are Gemma's, two of evaluation 1
  const Drawn got = draw(options, log);
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
  EXPECT_EQ(got.result.plan.stages.back().name, "denoise retry");
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
  options.value_fault = WhileAnyIsNarrow{};
  const Drawn got = draw(options, log);
  ASSERT_EQ(got.result.guard_events.size(), 2U);
  EXPECT_THAT(got.result.guard_events[0].action, ::testing::HasSubstr("transformer.layers.1 in f32"));
  EXPECT_THAT(got.result.guard_events[1].action, ::testing::HasSubstr("transformer in f32"));
  EXPECT_EQ(got.result.plan.allocated_peak_bytes(), got.result.allocated_peak_bytes);
}

TEST(Guard, ARetryThatDoesNotHelpIsAnErrorAndLeavesAGoodEngine) {
  Words log;
  bool armed = false;
  EngineOptions options = with(GuardMode::Retry);
  options.value_fault = [&](const std::string& at, TensorView value) {
    if (armed && at == "noise_refiner.0") value.span<float>()[0] = NAN;
  };
  TextToImage engine = TextToImage::open({.folder = avatar_path()}, options, log);
  Progress progress;
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
  options.value_fault = Fault{.path = "layers.1", .skip = 3};
  const auto error = error_of([&] { draw(options, log); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind(), ErrorKind::Unsupported);
  EXPECT_THAT(error->message(), ::testing::HasSubstr("transformer.layers.1: infinite values"));

  options.guard = GuardMode::Off;
  const Drawn off = draw(options, log);
  EXPECT_TRUE(off.result.guard_events.empty());
  options.guard = GuardMode::Warn;
  const Drawn warned = draw(options, log);
  EXPECT_EQ(warned.image, off.image);
  ASSERT_FALSE(warned.result.guard_events.empty());
  EXPECT_EQ(warned.result.guard_events[0].where, "transformer.layers.1");
  EXPECT_EQ(warned.result.guard_events[0].action, "left as it is");
}

TEST(Guard, ABadValueOfAnEncoderIsRunAgain) {
  Words log;
  EngineOptions options = with(GuardMode::Retry, {PrecisionPreset::Fast, DType::BF16});
  options.value_fault = Fault{.path = "layers.1", .times = 1};  // Gemma's come first
  const Drawn got = draw(options, log);
  ASSERT_EQ(got.result.guard_events.size(), 1U);
  EXPECT_EQ(got.result.guard_events[0].where, "text_encoder.layers.1");
  EXPECT_EQ(got.result.guard_events[0].evaluation, 0);
  EXPECT_EQ(got.result.plan.stages.back().name, "gemma retry");
}

TEST(Guard, ARetryBeyondTheBudgetIsRefused) {
  Words log;
  EngineOptions options = with(GuardMode::Retry, {PrecisionPreset::Fast, DType::BF16});
  TextToImage sizing = TextToImage::open({.folder = avatar_path()}, options, log);
  GenerateRequest request = small_request();
  request.width = request.height = 192;
  request.steps = 2;
  const MemoryPlan plan = sizing.plan(request);
  options.value_fault = [](const std::string& at, TensorView value) {
    if (at == "decoder.up_blocks.2" && value.spec.dtype == DType::BF16) value.span<uint16_t>()[0] = 0x7FC0;
  };
  // Room for the run and for a process that has grown a little; not for a second arena of the decoder, the largest
  // there is, beside the first.
  options.memory_budget_bytes = plan.peak_bytes() + plan.stages.back().arena_bytes / 2;
  TextToImage engine = TextToImage::open({.folder = avatar_path()}, options, log);
  Progress progress;
  const auto error = error_of([&] { engine.generate(request, progress, {}, [](auto) {}); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind(), ErrorKind::OverBudget);
  EXPECT_THAT(error->message(), ::testing::HasSubstr("the guard's retry needs"));
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
  EXPECT_THAT(error->hint(), ::testing::HasSubstr("--check-weights"));
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
  Progress progress;
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
