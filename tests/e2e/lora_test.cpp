// Adapters from the command line into pictures, and newbie lora.
#include <gmock/gmock.h>

#include "core/json.h"
#include "e2e/pictures.h"
#include "e2e/run_program.h"
#include "generate/metadata.h"
#include "unit/core/temporary_folder.h"

namespace newbie::e2e {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

fs::path adapters() { return fs::path(NEWBIE_SOURCE_DIR) / "tests" / "data" / "adapters"; }
std::string adapter(const char* name) { return (adapters() / name / "adapter_model.safetensors").string(); }

Outcome draw(const TemporaryFolder& folder, std::vector<std::string> more) {
  std::vector<std::string> words{"generate", "-W", "48", "-H", "48", "--steps", "2", "-s", "3", "--dtype", "f32"};
  words.insert(words.end(), more.begin(), more.end());
  return run({.arguments = words, .folder = folder.path()});
}

Json request_of(const fs::path& file) { return parse_json(text_of(picture(file), kRequestKey), "request"); }

TEST(Lora, ChangesThePictureAndTravelsInIt) {
  const TemporaryFolder folder;
  ASSERT_EQ(draw(folder, {"-p", "1girl", "-o", "base.png"}).exit_code, 0);
  const Outcome drawn = draw(folder, {"-p", "1girl", "--lora", adapter("kohya") + ":0.5", "-v", "-o", "a.png"});
  ASSERT_EQ(drawn.exit_code, 0) << drawn.err;
  EXPECT_THAT(drawn.err, HasSubstr("kohya: 7 of 7 modules"));
  EXPECT_NE(picture(folder / "a.png").image, picture(folder / "base.png").image);
  const Json loras = request_of(folder / "a.png")["loras"];
  ASSERT_EQ(loras.size(), 1u);
  EXPECT_EQ(loras[0]["strength"], 0.5);
  EXPECT_EQ(loras[0]["sha256"].get<std::string>().size(), 64u);

  ASSERT_EQ(draw(folder, {"--from", "a.png", "-o", "again.png"}).exit_code, 0);
  EXPECT_EQ(picture(folder / "again.png").image, picture(folder / "a.png").image);

  ASSERT_EQ(draw(folder, {"-p", "1girl", "--lora", adapter("kohya") + ":0", "-o", "zero.png"}).exit_code, 0);
  EXPECT_EQ(picture(folder / "zero.png").image, picture(folder / "base.png").image);
  ASSERT_EQ(draw(folder, {"-p", "1girl", "--lora", adapter("kohya") + ":1,transformer=0", "-o", "none.png"}).exit_code,
            0);
  EXPECT_EQ(picture(folder / "none.png").image, picture(folder / "base.png").image);
}

TEST(Lora, IsNamedInThePrompt) {
  const TemporaryFolder folder;
  const std::string place = adapters().string();
  ASSERT_EQ(draw(folder, {"-p", "1girl, solo", "--lora-dir", place, "--lora", "kohya:0.5", "-o", "a.png"}).exit_code,
            0);
  const Outcome o = draw(folder, {"-p", "1girl, <lora:kohya:0.5>, solo", "--lora-dir", place, "-o", "b.png"});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  EXPECT_EQ(picture(folder / "b.png").image, picture(folder / "a.png").image);
  EXPECT_EQ(request_of(folder / "b.png")["prompt"], "1girl, solo");

  const Outcome unknown = draw(folder, {"-p", "<lora:kohia>", "--lora-dir", place, "-o", "c.png"});
  EXPECT_EQ(unknown.exit_code, 3);
  EXPECT_THAT(unknown.err, HasSubstr("did you mean kohya"));
  EXPECT_EQ(draw(folder, {"-p", "<lora:kohya:much>", "--lora-dir", place, "-o", "c.png"}).exit_code, 2);
}

TEST(Lora, IsMergedOnRequest) {
  const TemporaryFolder folder;
  ASSERT_EQ(draw(folder, {"-p", "1girl", "--lora", adapter("kohya"), "-o", "a.png"}).exit_code, 0);
  ASSERT_EQ(draw(folder, {"-p", "1girl", "--lora", adapter("kohya"), "--merge-lora", "-o", "b.png"}).exit_code, 0);
  const std::vector<uint8_t> a = picture(folder / "a.png").image.pixels, b = picture(folder / "b.png").image.pixels;
  ASSERT_EQ(a.size(), b.size());
  int furthest = 0;
  for (size_t i = 0; i < a.size(); ++i) furthest = std::max(furthest, std::abs(int{a[i]} - int{b[i]}));
  EXPECT_LE(furthest, 1);

  const Outcome o =
      draw(folder, {"-p", "1girl", "--lora", adapter("kohya"), "--merge-lora", "--dtype", "int8", "-o", "c.png"});
  EXPECT_NE(o.exit_code, 0);
  EXPECT_THAT(o.err, HasSubstr("% of the changed numbers would stay as they are"));
}

TEST(Lora, InfoTellsWhatFits) {
  Outcome o = run({"lora", "info", adapter("text_encoder_keys"), adapter("lokr")});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  EXPECT_THAT(o.out, HasSubstr("4 of 4 modules fit"));
  EXPECT_THAT(o.out, HasSubstr("7 x LoKr"));
  o = run({"lora", "info", "--json", adapter("peft_dora")});
  const Json info = parse_json(o.out, "info")["adapters"][0];
  EXPECT_EQ(info["modules"], 4);
  EXPECT_EQ(info["kinds"].items().begin().key(), "LoRA with magnitudes (DoRA)");
  o = run({"lora", "info", (adapters() / "bad" / "one_unknown_key.safetensors").string()});
  EXPECT_EQ(o.exit_code, 3);
  EXPECT_THAT(o.err, HasSubstr("layers.77.attention.out"));
}

TEST(Lora, ConvertsMergesAndExtracts) {
  const TemporaryFolder folder;
  ASSERT_EQ(draw(folder, {"-p", "1girl", "--lora", adapter("peft"), "-o", "a.png"}).exit_code, 0);
  Outcome o = run({.arguments = {"lora", "convert", "--to", "comfyui", adapter("peft"), "-o", "c.safetensors"},
                   .folder = folder.path()});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  ASSERT_EQ(draw(folder, {"-p", "1girl", "--lora", "c.safetensors", "-o", "c.png"}).exit_code, 0);
  EXPECT_EQ(picture(folder / "c.png").image, picture(folder / "a.png").image) << "its scale is 2: nothing rounds";

  o = run({.arguments = {"lora", "convert", "--to", "peft", adapter("lokr"), "-o", "p"}, .folder = folder.path()});
  EXPECT_EQ(o.exit_code, 4);
  EXPECT_THAT(o.err, HasSubstr("have no form in peft"));
  o = run({.arguments = {"lora", "convert", "--to", "peft", "--rank", "8", adapter("lokr"), "-o", "p"},
           .folder = folder.path()});
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_TRUE(fs::exists(folder / "p" / "adapter_config.json"));

  o = run({.arguments = {"lora", "merge", adapter("peft") + ":0.5", "-o", "merged"}, .folder = folder.path()});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  EXPECT_EQ(names_in(folder / "merged" / "transformer"),
            (std::vector<std::string>{"config.json", "diffusion_pytorch_model.safetensors"}));
  o = run({.arguments = {"lora", "extract", "--tuned", "merged/transformer", "--rank", "4", "--to", "kohya", "-o",
                         "e.safetensors", "--json"},
           .folder = folder.path()});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  const Json extracted = parse_json(o.out, "extracted");
  EXPECT_EQ(extracted["changed"].size(), 7u);
  EXPECT_LT(extracted["error"].get<double>(), 0.2) << "the model's files are bf16: what rounding adds has no low rank";
}

}  // namespace
}  // namespace newbie::e2e
