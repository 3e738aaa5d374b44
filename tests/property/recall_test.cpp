// What a picture says of itself is enough to draw it again; other programs' texts are read as far as they go.
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

TEST(Recall, ReadsA1111) {
  const Recollection r = recall_text(
      "parameters",
      "1girl,\nsolo\nNegative prompt: bad, ugly\nSteps: 20, Sampler: Euler a, Schedule type: Automatic, CFG scale: 7, "
      "Seed: 42, Size: 512x768, Model hash: abc, Lora hashes: \"a: 1, b: 2\", Denoising strength: 0.4, Version: v1");
  EXPECT_EQ(at(r, "prompt"), "1girl,\nsolo");
  EXPECT_EQ(at(r, "negative_prompt"), "bad, ugly");
  EXPECT_EQ(at(r, "sampler"), "euler_a");
  EXPECT_EQ(at(r, "schedule"), "(not said)");
  EXPECT_EQ(at(r, "width"), "512");
  EXPECT_EQ(at(r, "height"), "768");
  EXPECT_EQ(at(r, "strength"), "0.4");
  EXPECT_EQ(r.notes, std::vector<std::string>{R"(Lora hashes: "a: 1, b: 2" has no counterpart)"});
  EXPECT_EQ(at(recall_text("parameters", "just words"), "prompt"), "just words");
}

constexpr const char* kGraph = R"({
  "3": {"class_type": "KSampler", "inputs": {"seed": 5, "steps": 20, "cfg": 5.5, "sampler_name": "res_multistep",
        "scheduler": "linear_quadratic", "denoise": 1, "model": ["9", 0], "positive": ["6", 0], "negative": ["7", 0],
        "latent_image": ["8", 0]}},
  "6": {"class_type": "CLIPTextEncode", "inputs": {"text": ["10", 0], "clip": ["4", 0]}},
  "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "ugly"}},
  "8": {"class_type": "EmptySD3LatentImage", "inputs": {"width": 1024, "height": 1536, "batch_size": 1}},
  "9": {"class_type": "ModelSamplingAuraFlow", "inputs": {"shift": 4.0, "model": ["9", 0]}},
  "10": {"class_type": "PrimitiveStringMultiline", "inputs": {"value": "You are… <Prompt Start>\n1girl"}}})";

TEST(Recall, ReadsComfyUiGraphs) {
  const Recollection r = recall_text("prompt", kGraph);
  EXPECT_EQ(at(r, "prompt"), "You are… <Prompt Start>\n1girl");
  EXPECT_EQ(at(r, "negative_prompt"), "ugly");
  EXPECT_EQ(at(r, "system_prompt"), "none");
  EXPECT_EQ(at(r, "routing"), "comfyui");
  EXPECT_EQ(at(r, "schedule"), "linear_quadratic");
  EXPECT_EQ(at(r, "height"), "1536");
  EXPECT_EQ(at(r, "shift"), "4.0");
  EXPECT_EQ(at(r, "strength"), "(not said)");
  EXPECT_EQ(recall_json(kGraph, "graph.json")->fields, r.fields);
}

TEST(Recall, ReadsComfyUiWorkflows) {
  const auto r = recall_json(R"({"nodes": [
      {"id": 3, "type": "KSampler", "widgets_values": [5, "fixed", 20, 5.5, "euler", "simple", 0.5],
       "inputs": [{"name": "positive", "link": 1}, {"name": "negative", "link": 2}, {"name": "latent_image", "link": 3}]},
      {"id": 6, "type": "CLIPTextEncode", "widgets_values": ["1girl"], "inputs": []},
      {"id": 7, "type": "CLIPTextEncode", "widgets_values": [""]},
      {"id": 8, "type": "EmptyLatentImage", "widgets_values": [512, 256, 1]}],
      "links": [[1, 6, 0, 3, 1, "CONDITIONING"], [2, 7, 0, 3, 2, "CONDITIONING"], [3, 8, 0, 3, 3, "LATENT"]]})",
                             "w.json");
  ASSERT_TRUE(r);
  EXPECT_EQ(r->source, "workflow");
  EXPECT_EQ(at(*r, "prompt"), "1girl");
  EXPECT_EQ(at(*r, "negative_prompt"), "");
  EXPECT_EQ(at(*r, "seed"), "5");
  EXPECT_EQ(at(*r, "steps"), "20");
  EXPECT_EQ(at(*r, "width"), "512");
  EXPECT_EQ(at(*r, "strength"), "0.5");
  EXPECT_EQ(at(*r, "strength_rule"), "comfyui");
}

// Pictures of before the second pass had fields like the others.
TEST(Recall, ReadsItsFirstFormat) {
  const Recollection r = recall_text("newbie", R"({"format":1,"prompt":"a","cfg_trunc":0.25,
      "hires":{"scale":1.5,"strength":0.5,"strength_rule":"comfyui","steps":3}})");
  EXPECT_EQ(at(r, "hires_scale"), "1.5");
  EXPECT_EQ(at(r, "hires_strength"), "0.5");
  EXPECT_EQ(at(r, "hires_steps"), "3");
  EXPECT_EQ(at(r, "strength_rule"), "comfyui");
  EXPECT_EQ(at(r, "cfg_trunc"), "0.25");
}

TEST(Recall, DamageIsAnErrorOrLittleSaid) {
  EXPECT_ERROR(recall_text("newbie", "{"), ErrorKind::BadFile, "x.png");
  EXPECT_ERROR(recall_text("newbie", "[]"), ErrorKind::BadFile, "expected an object");
  EXPECT_ERROR(recall_text("newbie", R"({"format":3})"), ErrorKind::Unsupported, "format 3");
  EXPECT_ERROR(recall_text("newbie", R"({"format":2,"sigmas":[1,"0"]})"), ErrorKind::BadFile, "sigmas");
  EXPECT_FALSE(recall({}, "x.png"));
  EXPECT_FALSE(recall_json("[1]", "x.json"));
  // Shapes that are not what they should be, and rings.
  EXPECT_TRUE(
      recall_text("newbie", R"({"format":1,"prompt":{},"seed":[],"parts":3,"hires":[],"sigmas":{}})").fields.empty());
  const std::string graph = kGraph;
  for (size_t cut = 0; cut < graph.size(); ++cut) EXPECT_THROW(recall_text("prompt", graph.substr(0, cut)), Error);
  for (const char* odd : {"[]", "3", R"({"1":4})", R"({"1":{"class_type":"KSampler","inputs":[]}})",
                          R"({"1":{"class_type":"KSampler","inputs":{"positive":["1",0]}}})"})
    EXPECT_NO_THROW(recall_text("prompt", odd)) << odd;
  for (const char* odd : {"[]", R"({"nodes":3})", R"({"nodes":[3,{"id":1,"inputs":[5]}],"links":[4,[]]})"})
    EXPECT_NO_THROW(recall_text("workflow", odd)) << odd;
}

}  // namespace
}  // namespace newbie::test
