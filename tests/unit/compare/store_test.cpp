// The folder of a comparison: what is kept, and what a second run may go on with.
#include "compare/store.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "compare/settings.h"
#include "core/error.h"
#include "core/files.h"
#include "unit/core/temporary_folder.h"

namespace newbie {
namespace {

using testing::HasSubstr;

const CompareRow kRow{.name = "bf16", .preset = PrecisionPreset::BF16};

std::string message_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& e) {
    return e.message();
  }
  return "no error";
}

PictureResult some_result() {
  const double infinite = std::numeric_limits<double>::infinity();
  return {.drawn = true,
          .good = false,
          .events = {{"transformer.layers.1", "NaN", "left as it is", 0, 7}},
          .seconds = 0.1,
          .planning_seconds = 1.0 / 3,
          .evaluations = 56,
          .warm = true,
          .operations = 1.5e12,
          .weights_bytes = size_t{1} << 34,
          .measured_peak_bytes = 123,
          .residency = "free encoders",
          .steps = {{1e-3, 0.9999995, 0}, {infinite, std::nan(""), 4}},
          .values = {{"denoise", 3, 1, "transformer.layers.0", {0.5, -infinite, 2}}}};
}

TEST(CompareStore, AResultComesBackAsItWas) {
  const TemporaryFolder folder;
  const CompareStore store(folder / "out", {{"steps", 4}}, false);
  EXPECT_FALSE(store.find(kRow, 3));
  const PictureResult r = some_result();
  store.save(kRow, 3, r);
  const auto back = store.find(kRow, 3);
  ASSERT_TRUE(back);
  EXPECT_EQ(result_json(*back).dump(), result_json(r).dump());
  EXPECT_EQ(back->planning_seconds, r.planning_seconds);
  EXPECT_TRUE(std::isinf(back->steps[1].relative_error));
  EXPECT_TRUE(std::isnan(back->steps[1].cosine));
  EXPECT_FALSE(store.has(kRow, 2));
}

TEST(CompareStore, GoesOnOnlyWithTheSameSettings) {
  const TemporaryFolder folder;
  const OrderedJson settings{{"steps", 4}, {"pictures", {{{"prompt", "1girl \xff"}, {"cfg", 4.5}}}}};
  const std::string out = folder / "out";
  EXPECT_EQ(message_of([&] { CompareStore(out, settings, true); }), "no error");  // nothing there yet
  EXPECT_THAT(message_of([&] { CompareStore(out, settings, false); }), HasSubstr("there is a comparison already"));
  EXPECT_EQ(message_of([&] { CompareStore(out, settings, true); }), "no error");
  OrderedJson other = settings;
  other["pictures"][0]["cfg"] = 1.0;
  EXPECT_THAT(message_of([&] { CompareStore(out, other, true); }),
              HasSubstr("pictures/0/cfg is 4.5 there, asked for is 1.0"));
  other = settings;
  other["pictures"].push_back({{"prompt", "2"}});
  EXPECT_THAT(message_of([&] { CompareStore(out, other, true); }), HasSubstr("pictures is"));
  other = settings;
  other["more"] = 1;
  EXPECT_THAT(message_of([&] { CompareStore(out, other, true); }), HasSubstr("more is nothing there"));
}

TEST(CompareStore, WhatSomebodyElseWroteIsAnErrorWithItsName) {
  const TemporaryFolder folder;
  const CompareStore store(folder / "out", {{"steps", 4}}, false);
  store.save(kRow, 0, some_result());
  for (const char* text : {"", "[]", "{}", "{\"drawn\": 1}", "{\"drawn\": true, \"drawn\": true}"}) {
    write_file_atomically(folder / "out/bf16/000000.json", text);
    EXPECT_THAT(message_of([&] { store.find(kRow, 0); }), HasSubstr("000000.json")) << text;
  }
  Json beyond = result_json(some_result());
  beyond["arena_bytes"] = 1.5e117;
  write_file_atomically(folder / "out/bf16/000000.json", beyond.dump());
  EXPECT_THAT(message_of([&] { store.find(kRow, 0); }),
              HasSubstr("000000.json: not a picture's result: arena_bytes: expected a whole number"));
  for (const char* text : {"[]", "3", "{\"a~/b\": 1}", "{\"steps\": 4, \"\": {}}"}) {
    write_file_atomically(folder / "out/comparison.json", text);
    EXPECT_THAT(message_of([&] {
                  CompareStore(folder / "out", {{"steps", 4}}, true);
                }),
                HasSubstr("other settings"))
        << text;
  }
}

TEST(CompareSettings, NoTwoPicturesStartFromTheSameNoise) {
  const std::vector<GenerateRequest> listed(3, GenerateRequest{.seed = 5});
  const std::vector<GenerateRequest> all = with_seeds(listed, 5, 2);
  ASSERT_EQ(all.size(), 6u);
  for (size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i].seed, 5 + i);
  // Requests that say their own seed keep it, and count on from there.
  std::vector<GenerateRequest> own = listed;
  own[1].seed = 100;
  const std::vector<GenerateRequest> kept = with_seeds(own, 5, 2);
  EXPECT_EQ(kept[1].seed, 100u);
  EXPECT_EQ(kept[4].seed, 101u);

  const CompareSettings settings{.rows = {}, .pictures = kept};
  const CompareRow others{.name = "f32+seeds", .variant = RowVariant::Seeds};
  for (size_t i = 0; i < kept.size(); ++i) {
    EXPECT_EQ(settings.request(kRow, i).seed, kept[i].seed);
    for (const GenerateRequest& r : kept) EXPECT_NE(settings.request(others, i).seed, r.seed);
  }
}

}  // namespace
}  // namespace newbie
