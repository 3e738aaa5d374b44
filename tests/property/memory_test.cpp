// The memory plan is exact: what it says before anything is allocated is what the allocator sees.
#include <gtest/gtest.h>

#include <set>

#include "generate/quality.h"
#include "generate/text_to_image.h"
#include "support/golden.h"

namespace newbie::test {
namespace {

GenerateRequest small_request(int64_t width, int64_t height, int batch, double cfg) {
  GenerateRequest r;
  r.prompt = "<character_1><n>aoi</n></character_1>";
  r.width = width;
  r.height = height;
  r.batch = batch;
  r.cfg = cfg;
  r.steps = 1;
  return r;
}

// The result carries the plan that its run used. One asked for with plan() a moment before is the same where the budget
// is wide; near the budget a few more resident pages of the process may have made another choice.
GenerateResult draw(TextToImage& engine, const GenerateRequest& request) {
  RunObserver progress;
  return engine.generate(request, progress, {}, [](GeneratedImage) {});
}

TextToImage open(PrecisionRequest precision, size_t budget = 0) {
  return TextToImage::open({.folder = avatar_path()},
                           {.threads = 2, .memory_budget_bytes = budget, .precision = precision}, silent_log());
}

// An engine whose budget lies a little below what the fastest way needs, so that it frees each stage. How far a process
// grows or shrinks by itself meanwhile differs (sanitizers keep freed memory for a while), so the budget is found; the
// engine gets half a step less, where a few pages more or less are no other choice.
TextToImage open_tight(PrecisionRequest precision, const GenerateRequest& request) {
  constexpr size_t kStep = size_t{2} << 20;
  TextToImage roomy = open(precision, size_t{64} << 30);
  const size_t needed = roomy.plan(request).peak_bytes();
  for (size_t below = 3 * kStep; below < 30 * kStep; below += kStep) {
    if (open(precision, needed - below).plan(request).residency == Residency::FreeEachStage)
      return open(precision, needed - below - kStep / 2);
  }
  throw Error(ErrorKind::Internal, "no budget makes the engine free each stage");
}

TEST(MemoryPlan, EqualsWhatIsAllocated) {
  for (PrecisionRequest precision : {PrecisionRequest::F32, PrecisionRequest::BF16})
    for (const auto& [width, height] : {std::pair<int64_t, int64_t>{16, 16}, {128, 128}, {96, 160}, {256, 64}})
      for (int batch : {1, 2})
        for (double cfg : {1.0, 4.0}) {
          TextToImage engine = open(precision);
          const GenerateRequest request = small_request(width, height, batch, cfg);
          const size_t planned = engine.plan(request).allocated_peak_bytes();
          EXPECT_EQ(planned, draw(engine, request).allocated_peak_bytes)
              << width << "x" << height << " batch " << batch << " cfg " << cfg;
        }
}

TEST(MemoryPlan, HoldsForASecondRequestOfTheSameEngine) {
  TextToImage engine = open(PrecisionRequest::BF16);
  for (const GenerateRequest& request :
       {small_request(64, 64, 1, 4.0), small_request(128, 96, 2, 1.0), small_request(64, 64, 1, 4.0)}) {
    const size_t planned = engine.plan(request).allocated_peak_bytes();
    EXPECT_EQ(planned, draw(engine, request).allocated_peak_bytes);
  }
}

Image picture(int width, int height) {
  Image out{.width = width, .height = height, .channels = 3, .pixels = {}};
  for (int i = 0; i < width * height * 3; ++i) out.pixels.push_back(static_cast<uint8_t>(i * 7 % 256));
  return out;
}

// Pictures to start from, masks and hires passes, with everything kept and with every part freed after use.
TEST(MemoryPlan, HoldsForPicturesMasksAndHires) {
  for (const bool tight : {false, true})
    for (const int batch : {1, 2})
      for (const char* kind : {"img2img", "inpaint", "hires", "img2img and hires"}) {
        GenerateRequest request = small_request(64, 96, batch, 4.0);
        request.steps = 2;
        const std::string_view name = kind;
        if (name.starts_with("i")) request.init_image = picture(64, 96);
        if (name == "inpaint") request.mask = picture(64, 96);
        if (name.ends_with("hires")) request.hires_scale = 1.5;
        TextToImage engine = tight ? open_tight(PrecisionRequest::F32, request) : open(PrecisionRequest::F32);
        for (int again = 0; again < 2; ++again) {
          const GenerateResult out = draw(engine, request);
          EXPECT_EQ(out.plan.residency, tight ? Residency::FreeEachStage : Residency::FreeEncoders);
          EXPECT_EQ(out.plan.allocated_peak_bytes(), out.allocated_peak_bytes)
              << kind << " batch " << batch << " tight " << tight << " again " << again;
        }
      }
}

// A decoded preview needs the decoder beside the transformer, so that freeing the one before the other saves nothing:
// there is no tight way to draw with them.
TEST(MemoryPlan, HoldsForPreviews) {
  for (const PreviewMethod method : {PreviewMethod::Linear, PreviewMethod::Decode})
    for (const bool tight : {false, true})
      for (const int batch : {1, 2})
        for (const bool hires : {false, true}) {
          if (tight && method == PreviewMethod::Decode) continue;
          GenerateRequest request = small_request(64, 96, batch, 4.0);
          request.steps = 3;
          request.preview_every = 1;
          request.preview_method = method;
          if (hires) request.hires_scale = 1.5;
          TextToImage engine = tight ? open_tight(PrecisionRequest::F32, request) : open(PrecisionRequest::F32);
          for (int again = 0; again < 2; ++again) {
            const GenerateResult out = draw(engine, request);
            EXPECT_EQ(out.plan.allocated_peak_bytes(), out.allocated_peak_bytes)
                << "decode " << (method == PreviewMethod::Decode) << " batch " << batch << " tight " << tight
                << " hires " << hires << " again " << again;
          }
        }
}

std::vector<Image> pictures_of(TextToImage& engine, const GenerateRequest& request) {
  std::vector<Image> out;
  RunObserver progress;
  engine.generate(request, progress, {}, [&](GeneratedImage g) { out.push_back(std::move(g.image)); });
  return out;
}

// The smallest budget that an engine takes for this request, as a refusal names it.
size_t smallest_budget(PrecisionRequest precision, const GenerateRequest& request) {
  TextToImage starved = open(precision, size_t{1} << 20);
  try {
    starved.plan(request);
  } catch (const Error& e) {
    const size_t at = e.message().find("needs ");
    if (at != std::string::npos) return static_cast<size_t>(std::stoull(e.message().substr(at + 6))) << 20;
  }
  throw Error(ErrorKind::Internal, "a budget of 1 MiB was not refused with the smallest");
}

// From all that the fastest way needs down to the smallest budget: every plan is exact, within its budget, and draws
// the same pictures. What lies between them is how many weights are streamed, and the autoencoder in bands.
TEST(MemoryPlan, StreamingDrawsTheSamePicturesInLess) {
  for (const PrecisionRequest& precision :
       {PrecisionRequest(PrecisionRequest::F32), PrecisionRequest(PrecisionRequest::BF16)})
    for (const bool hires : {false, true}) {
      GenerateRequest request = hires ? small_request(64, 96, 2, 4.0) : small_request(16, 16, 1, 4.0);
      request.steps = 2;
      if (hires) request.hires_scale = 1.5;
      std::vector<Image> want;
      size_t most = 0;
      {  // gone before the others are opened: its memory would count as the process's
        TextToImage roomy = open(precision, size_t{64} << 30);
        const MemoryPlan wide = roomy.plan(request);
        EXPECT_TRUE(wide.choices.empty());
        EXPECT_TRUE(wide.streamed.empty());
        most = wide.peak_bytes();
        want = pictures_of(roomy, request);
      }

      // The program and its libraries are part of the budget. A refusal has tried every way, which leaves this process
      // larger than the one whose budget it names: the second one knows. Resident pages differ a little over time.
      smallest_budget(precision, request);
      const size_t least = smallest_budget(precision, request) + (size_t{4} << 20);
      ASSERT_LT(least, most);
      std::set<size_t> kept;  // of the transformer
      for (int k = 0; k <= 6; k += 2) {
        const size_t budget = least + (most - least) * static_cast<size_t>(k) / 8;
        TextToImage engine = open(precision, budget);
        for (int again = 0; again < 2; ++again) {
          const GenerateResult out = draw(engine, request);
          EXPECT_LE(out.plan.peak_bytes(), budget);
          EXPECT_FALSE(out.plan.choices.empty());
          EXPECT_EQ(out.plan.allocated_peak_bytes(), out.allocated_peak_bytes)
              << "hires " << hires << " step " << k << " again " << again;
          for (const StreamedPart& s : out.plan.streamed) {
            EXPECT_LT(s.resident_bytes, s.weights_bytes);
            EXPECT_GT(s.read_bytes, 0u);
            if (s.part == "transformer") kept.insert(s.resident_bytes);
          }
        }
        EXPECT_EQ(pictures_of(engine, request), want) << "hires " << hires << " budget " << budget;
      }
      if (!hires) {  // where the transformer is what is large
        EXPECT_GT(kept.size(), 1u) << "as much of it is kept as fits";
      }
    }
}

TEST(MemoryPlan, HoldsForTilesAndStepCaches) {
  for (const bool tight : {false, true})
    for (const CacheMode mode : {CacheMode::Off, CacheMode::FirstBlock, CacheMode::Linear}) {
      GenerateRequest request = small_request(160, 96, 2, 4.0);
      request.steps = 4;
      request.vae_tile = 64;
      request.cache = {mode, 0.5};
      TextToImage engine = tight ? open_tight(PrecisionRequest::F32, request) : open(PrecisionRequest::F32);
      const GenerateResult out = draw(engine, request);
      EXPECT_EQ(out.plan.allocated_peak_bytes(), out.allocated_peak_bytes)
          << "tight " << tight << " cache " << static_cast<int>(mode);
      EXPECT_EQ(out.shortened_evaluations > 0, mode != CacheMode::Off);
    }
}

// What a picture needs of them is known when it is drawn; what they hold is planned.
TEST(MemoryPlan, HoldsForTolerancesAndHeldGuidance) {
  for (const bool tight : {false, true})
    for (const double tolerance : {0.0, 0.5})
      for (const double cfg_hold : {0.0, 0.3}) {
        GenerateRequest request = small_request(96, 64, 2, 4.0);
        request.steps = 9;
        request.tolerance = tolerance;
        request.cfg_hold = cfg_hold;
        TextToImage engine = tight ? open_tight(PrecisionRequest::F32, request) : open(PrecisionRequest::F32);
        const GenerateResult out = draw(engine, request);
        EXPECT_EQ(out.plan.allocated_peak_bytes(), out.allocated_peak_bytes)
            << "tight " << tight << " tolerance " << tolerance << " held " << cfg_hold;
        EXPECT_LE(out.evaluations, 2 * evaluations_of(request));
        EXPECT_EQ(out.estimated_distances.size(), tolerance > 0 ? 2u : 0u);
      }
}

// A request after one that needed less: what it left may be in the way.
TEST(MemoryPlan, WhatAnEarlierPictureLeftIsFreedWhereItIsInTheWay) {
  const GenerateRequest small = small_request(64, 64, 1, 4.0), large = small_request(192, 192, 1, 4.0);
  TextToImage roomy = open(PrecisionRequest::F32, size_t{64} << 30);
  const size_t budget = roomy.plan(large).peak_bytes() + (size_t{4} << 20);
  TextToImage engine = open(PrecisionRequest::F32, budget);
  for (const GenerateRequest& request : {small, large, small, large}) {
    const GenerateResult out = draw(engine, request);
    EXPECT_LE(out.plan.peak_bytes(), budget);
    EXPECT_EQ(out.plan.allocated_peak_bytes(), out.allocated_peak_bytes);
  }
}

TEST(MemoryPlan, ASmallBudgetFreesEachStageAndASmallerOneIsRefusedWithTheSmallest) {
  const GenerateRequest request = small_request(128, 128, 2, 4.0);
  TextToImage roomy = open(PrecisionRequest::F32, size_t{64} << 30);
  const MemoryPlan wide = roomy.plan(request);
  EXPECT_EQ(wide.residency, Residency::FreeEncoders);

  // Below what the fastest way needs the next way is taken.
  TextToImage tight = open_tight(PrecisionRequest::F32, request);
  const GenerateResult out = draw(tight, request);
  EXPECT_EQ(out.plan.residency, Residency::FreeEachStage);
  EXPECT_LT(out.plan.allocated_peak_bytes(), wide.allocated_peak_bytes());
  EXPECT_EQ(out.plan.allocated_peak_bytes(), out.allocated_peak_bytes);

  TextToImage starved = open(PrecisionRequest::F32, size_t{1} << 20);
  try {
    starved.plan(request);
    FAIL() << "a budget of 1 MiB was accepted";
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::OverBudget);
    EXPECT_NE(e.message().find("needs"), std::string::npos) << e.message();
  }
}

}  // namespace
}  // namespace newbie::test
