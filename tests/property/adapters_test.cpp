// Adapters in whole requests: pictures, plans, pictures' texts, several jobs of one engine.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/log.h"
#include "generate/text_to_image.h"
#include "support/golden.h"

namespace newbie::test {
namespace {

using ::testing::HasSubstr;

std::filesystem::path adapters_path() {
  return std::filesystem::path(NEWBIE_SOURCE_DIR) / "tests" / "data" / "adapters";
}

TextToImage open(PrecisionRequest precision = PrecisionRequest::F32, size_t budget = 0) {
  EngineOptions options{.threads = 2, .memory_budget_bytes = budget, .precision = precision};
  options.adapters.folder = adapters_path();
  return TextToImage::open({.folder = avatar_path()}, options, silent_log());
}

GenerateRequest request_with(std::vector<AdapterUse> adapters, const std::string& prompt = "1girl") {
  GenerateRequest r;
  r.prompt = prompt;
  r.width = r.height = 32;
  r.steps = 2;
  r.adapters = std::move(adapters);
  return r;
}

struct Drawn {
  GeneratedImage picture;
  GenerateResult result;
};
Drawn draw(TextToImage& engine, const GenerateRequest& request) {
  Drawn out;
  RunObserver observer;
  out.result = engine.generate(request, observer, {}, [&](GeneratedImage image) { out.picture = std::move(image); });
  return out;
}

const std::vector<AdapterUse> kSeveral{{"kohya", 0.7}, {"peft_dora", 1}, {"text_encoder_keys", 1}, {"full", 0.5}};

TEST(AdapterRequests, RunTimeAndMergedDrawTheSamePicture) {
  TextToImage engine = open();
  const Image base = draw(engine, request_with({})).picture.image;
  GenerateRequest request = request_with(kSeveral);
  const Image run_time = draw(engine, request).picture.image;
  request.merge_adapters = true;
  const Image merged = draw(engine, request).picture.image;
  EXPECT_NE(run_time, base);
  for (size_t i = 0; i < merged.pixels.size(); ++i)
    ASSERT_LE(std::abs(int{merged.pixels[i]} - int{run_time.pixels[i]}), 1) << i;
  // What lay over the part is gone with its job.
  EXPECT_EQ(draw(engine, request_with({})).picture.image, base);
  EXPECT_EQ(draw(engine, request_with({{"kohya", 0}, {"dora_scale", 0}})).picture.image, base);
}

TEST(AdapterRequests, ThePlanIsWhatIsAllocated) {
  for (const PrecisionRequest precision : {PrecisionRequest::F32, PrecisionRequest::BF16})
    for (const bool merge : {false, true}) {
      GenerateRequest request = request_with(kSeveral);
      request.merge_adapters = merge;
      TextToImage engine = open(precision);
      const size_t planned = engine.plan(request).allocated_peak_bytes();
      EXPECT_EQ(planned, draw(engine, request).result.allocated_peak_bytes) << merge;
      // Beside what an earlier job left, and with other adapters than it had.
      const GenerateRequest other = request_with({{"lokr", 1}});
      const MemoryPlan plan = engine.plan(other);
      EXPECT_EQ(plan.allocated_peak_bytes(), draw(engine, other).result.allocated_peak_bytes);
    }
}

// One value that is no number, where the stream of the fast preset is bf16.
struct OneBadValue final : RunObserver {
  int visits = 0;
  Wants wants() const override { return {.alterations = true}; }
  void alter(const RunPlace&, std::string_view, const std::string& path, TensorView value) override {
    if (path == "layers.0" && value.spec.dtype == DType::BF16 && ++visits > 4) value.span<uint16_t>()[5] = 0x7FC0;
  }
};

TEST(AdapterRequests, TheGuardsRetryHasThem) {
  for (const bool merge : {false, true}) {
    GenerateRequest request = request_with({{"kohya", 1}});
    request.merge_adapters = merge;
    request.steps = 4;
    TextToImage engine = open({PrecisionPreset::Fast, DType::BF16});
    const Image healthy = draw(engine, request).picture.image;
    Image got;
    OneBadValue bad;
    const GenerateResult result =
        engine.generate(request, bad, {}, [&](GeneratedImage image) { got = std::move(image.image); });
    ASSERT_EQ(result.guard_events.size(), 1U);
    EXPECT_THAT(result.guard_events[0].action, HasSubstr("transformer.layers.0 in f32"));
    EXPECT_GT(psnr(got.pixels, healthy.pixels), 25.0);
    EXPECT_NE(got, healthy);
  }
}

TEST(AdapterRequests, FitIntoATightBudget) {
  const GenerateRequest request = request_with({{"kohya", 1}, {"loha", 1}});
  Image want;
  size_t needed = 0;
  {
    TextToImage roomy = open();
    want = draw(roomy, request).picture.image;
    needed = roomy.plan(request).peak_bytes();
  }
  TextToImage tight = open(PrecisionRequest::F32, needed - (size_t{4} << 20));
  EXPECT_EQ(draw(tight, request).picture.image, want);
}

TEST(AdapterRequests, PromptsNameThem) {
  TextToImage engine = open();
  const Drawn listed = draw(engine, request_with({{"kohya", 0.5}}, "1girl, solo"));
  const Drawn named = draw(engine, request_with({}, "1girl, <lora:kohya:0.5>, solo"));
  EXPECT_EQ(named.picture.image, listed.picture.image);
  EXPECT_EQ(named.picture.request_json, listed.picture.request_json);
  EXPECT_THAT(listed.picture.request_json, HasSubstr(R"("loras":[{"name":"kohya","strength":0.5,"sha256":")"));
}

TEST(AdapterRequests, AreRefusedBeforeAnythingIsAllocated) {
  TextToImage engine = open(PrecisionRequest(PrecisionRequest::Int8));
  const auto error_of = [&](GenerateRequest request) -> std::string {
    try {
      engine.prepare(request);
      return "none";
    } catch (const Error& e) {
      return e.message();
    }
  };
  EXPECT_THAT(error_of(request_with({{"kohia"}})), HasSubstr("there is none of this name"));
  EXPECT_THAT(error_of(request_with({{(adapters_path() / "bad" / "nan.safetensors").string()}})), HasSubstr("finite"));
  GenerateRequest merged = request_with({{"kohya"}});
  EXPECT_EQ(error_of(merged), "none");
  merged.merge_adapters = true;
  EXPECT_THAT(error_of(merged), HasSubstr("% of the changed numbers would stay as they are"));
  EXPECT_EQ(engine.allocated_bytes(), 0u);
}

}  // namespace
}  // namespace newbie::test
