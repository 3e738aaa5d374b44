// What a picture says of itself is enough to draw it again (other programs: unit/generate/recall_test.cpp).
#include "generate/recall.h"

#include "core/json.h"
#include "support/golden.h"
#include "unit/core/expect_error.h"

namespace newbie::test {
namespace {

std::string at(const Recollection& r, const char* field) {
  const std::string* value = r.find(field);
  return value != nullptr ? *value : "(not said)";
}

Recollection recall_text(const char* key, const std::string& text) {
  const std::vector<TextChunk> texts{{key, text}};
  return *recall(texts, "x.png");
}

TEST(Recall, OwnRequestSaysEverything) {
  GenerateRequest r;
  r.prompt = "-";  // no word of the command line
  r.negative_prompt = "blurry, 青";
  r.width = 32;
  r.height = 48;
  r.seed = 18446744073709551615u;
  r.steps = 2;
  r.cfg = 1.1;
  r.shift = 0.1 + 0.2;
  r.init_image = Image{.width = 32, .height = 48, .channels = 3, .pixels = std::vector<uint8_t>(32 * 48 * 3, 9)};
  r.strength = 0.9;
  r.hires_scale = 1.5;
  r.hires_strength = 0.5;
  r.hires_steps = 3;
  TextToImage engine = TextToImage::open({.folder = avatar_path()}, {.threads = 2}, silent_log());
  GeneratedImage drawn;
  RunObserver progress;
  engine.generate(r, progress, {}, [&](GeneratedImage g) { drawn = std::move(g); });
  const std::vector<TextChunk> texts{{"parameters", drawn.parameters}, {"newbie", drawn.request_json}};
  const Recollection back = *recall(texts, "x.png");
  EXPECT_EQ(back.source, "newbie");
  EXPECT_EQ(at(back, "prompt"), "-");
  EXPECT_EQ(at(back, "negative_prompt"), r.negative_prompt);
  EXPECT_EQ(at(back, "width"), "32");
  EXPECT_EQ(at(back, "seed"), "18446744073709551615");
  EXPECT_EQ(std::stod(at(back, "shift")), r.shift);
  EXPECT_EQ(std::stod(at(back, "cfg")), r.cfg);
  EXPECT_EQ(at(back, "steps"), "2");
  EXPECT_EQ(at(back, "schedule"), "simple");
  EXPECT_EQ(at(back, "strength"), "0.9");
  EXPECT_EQ(at(back, "hires_scale"), "1.5");
  EXPECT_EQ(at(back, "hires_strength"), "0.5");
  EXPECT_EQ(at(back, "hires_steps"), "3");
  EXPECT_EQ(back.parts.transformer, engine.fingerprints().transformer);
  EXPECT_EQ(back.init_image.size(), 16u);
  EXPECT_EQ(back.mask, "");
  // A1111's form of the same.
  const Recollection a1111 = recall_text("parameters", drawn.parameters);
  EXPECT_EQ(at(a1111, "height"), "48");
  EXPECT_EQ(at(a1111, "sampler"), "res_multistep");
  EXPECT_EQ(at(a1111, "hires_strength"), "0.5");
  EXPECT_TRUE(a1111.notes.empty());
}

}  // namespace
}  // namespace newbie::test
