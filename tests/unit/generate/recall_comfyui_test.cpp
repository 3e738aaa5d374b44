// ComfyUI's graphs read back: what is taken over, and that everything else is told by its name.
#include <gmock/gmock.h>

#include "core/json.h"
#include "unit/generate/recalled.h"

namespace newbie {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::UnorderedElementsAre;

TEST(RecallComfyUi, AGraphThatRan) {
  const Recollection r =
      recalled("prompt", graph_of(sampler(R"("positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0])")));
  EXPECT_EQ(at(r, "prompt"), "1girl, red_hair");
  EXPECT_EQ(at(r, "negative_prompt"), "blurry");
  EXPECT_EQ(at(r, "system_prompt"), "none");
  EXPECT_EQ(at(r, "routing"), "comfyui");
  EXPECT_EQ(at(r, "seed"), "77");
  EXPECT_EQ(at(r, "sampler"), "res_multistep");
  EXPECT_EQ(at(r, "schedule"), "simple");
  EXPECT_EQ(at(r, "height"), "192");
  EXPECT_EQ(at(r, "strength"), "(not said)");
  EXPECT_THAT(r.notes, IsEmpty());
}

TEST(RecallComfyUi, NumbersAndTextsFromOtherNodes) {
  const Recollection r = recalled("prompt", graph_of(R"json(
      "20": {"class_type": "PrimitiveInt", "inputs": {"value": 648312782957426}, "is_changed": [NaN]},
      "21": {"class_type": "PrimitiveInt", "inputs": {"value": 320}},
      "22": {"class_type": "Seed (rgthree)", "inputs": {
  "seed" : 5}},
      "23": {"class_type": "PrimitiveStringMultiline", "inputs": {"value": "You are… <Prompt Start>\n"}},
      "24": {"class_type": "StringConcatenate", "inputs": {"string_a": ["23", 0], "string_b": "1girl", "delimiter": "+"}},
      "25": {"class_type": "CLIPTextEncode", "inputs": {"text": ["24", 0]}},
      "26": {"class_type": "EmptyLatentImage", "inputs": {"width": ["21", 0], "height": 256, "batch_size": 4}},
      "27": {"class_type": "SomeMath", "inputs": {"a": 3}},
      "3": {"class_type": "KSampler", "inputs": {"seed": ["20", 0], "steps": ["27", 0], "cfg": 5.5, "sampler_name":
        "euler", "scheduler": "beta", "denoise": 1, "model": ["4", 0], "positive": ["25", 0], "negative": ["7", 0],
        "latent_image": ["26", 0]}})json"));
  EXPECT_EQ(at(r, "seed"), "648312782957426");
  EXPECT_EQ(at(r, "prompt"), "You are… <Prompt Start>\n+1girl");
  EXPECT_EQ(at(r, "width"), "320");
  EXPECT_EQ(at(r, "steps"), "(not said)");
  EXPECT_THAT(r.notes, testing::UnorderedElementsAre("steps comes from a node SomeMath", HasSubstr("batch_size 4")));
}

TEST(RecallComfyUi, ConditioningThatIsMoreThanAText) {
  const Recollection zero =
      recalled("prompt", graph_of(R"(
      "30": {"class_type": "ConditioningZeroOut", "inputs": {"conditioning": ["6", 0]}},)" +
                                  sampler(R"("positive": ["6", 0], "negative": ["30", 0], "latent_image": ["5", 0])")));
  EXPECT_EQ(at(zero, "prompt"), "1girl, red_hair");
  EXPECT_EQ(at(zero, "negative_prompt"), "");
  EXPECT_THAT(zero.notes, ElementsAre(HasSubstr("ConditioningZeroOut")));

  const Recollection joined =
      recalled("prompt", graph_of(R"(
      "12": {"class_type": "CLIPTextEncode", "inputs": {"text": "smile"}},
      "30": {"class_type": "ConditioningConcat", "inputs": {"conditioning_to": ["6", 0], "conditioning_from": ["12", 0]}},)" +
                                  sampler(R"("positive": ["30", 0], "negative": ["7", 0], "latent_image": ["5", 0])")));
  EXPECT_EQ(at(joined, "prompt"), "1girl, red_hair, smile");
  EXPECT_THAT(joined.notes, ElementsAre(HasSubstr("ConditioningConcat")));

  const Recollection combined =
      recalled("prompt", graph_of(R"(
      "80": {"class_type": "ConditioningCombine", "inputs": {"conditioning_1": ["6", 0], "conditioning_2": ["7", 0]}},)" +
                                  sampler(R"("positive": ["80", 0], "negative": ["7", 0], "latent_image": ["5", 0])")));
  EXPECT_EQ(at(combined, "prompt"), "1girl, red_hair");
  EXPECT_THAT(combined.notes, ElementsAre("a node ConditioningCombine acts on the positive prompt"));

  // A node with both prompts: its second output is the negative one.
  const Recollection control = recalled(
      "prompt", graph_of(R"(
      "80": {"class_type": "ControlNetApplyAdvanced", "inputs": {"positive": ["6", 0], "negative": ["7", 0], "strength": 1}},)" +
                         sampler(R"("positive": ["80", 0], "negative": ["80", 1], "latent_image": ["5", 0])")));
  EXPECT_EQ(at(control, "prompt"), "1girl, red_hair");
  EXPECT_EQ(at(control, "negative_prompt"), "blurry");
  EXPECT_THAT(control.notes, ElementsAre("a node ControlNetApplyAdvanced acts on the positive prompt",
                                         "a node ControlNetApplyAdvanced acts on the negative prompt"));

  const Recollection lumina =
      recalled("prompt", graph_of(R"(
      "12": {"class_type": "CLIPTextEncodeLumina2", "inputs": {"system_prompt": "superior", "user_prompt": "a cat"}},)" +
                                  sampler(R"("positive": ["12", 0], "negative": ["7", 0], "latent_image": ["5", 0])")));
  EXPECT_EQ(at(lumina, "prompt"), "a cat");
  EXPECT_THAT(at(lumina, "system_prompt"), HasSubstr("superior degree of image-text alignment"));
  EXPECT_THAT(at(lumina, "system_prompt"), testing::EndsWith("<Prompt Start> "));
}

TEST(RecallComfyUi, CustomSamplers) {
  const Recollection r = recalled("prompt", graph_of(R"(
      "3": {"class_type": "SamplerCustomAdvanced", "inputs": {"noise": ["20", 0], "guider": ["21", 0], "sampler": ["22", 0],
        "sigmas": ["23", 0], "latent_image": ["5", 0]}},
      "20": {"class_type": "RandomNoise", "inputs": {"noise_seed": 78}},
      "21": {"class_type": "CFGGuider", "inputs": {"model": ["24", 0], "positive": ["6", 0], "negative": ["7", 0], "cfg": 4}},
      "22": {"class_type": "KSamplerSelect", "inputs": {"sampler_name": "euler"}},
      "23": {"class_type": "BasicScheduler", "inputs": {"model": ["4", 0], "scheduler": "beta", "steps": 11, "denoise": 1}},
      "24": {"class_type": "ModelSamplingAuraFlow", "inputs": {"shift": 4.0, "model": ["25", 0]}},
      "25": {"class_type": "LoraLoaderModelOnly", "inputs": {"lora_name": "a/ink.safetensors", "strength_model": 0.5,
        "model": ["26", 0]}},
      "26": {"class_type": "PerturbedAttentionGuidance", "inputs": {"scale": 3, "model": ["4", 0]}})"));
  EXPECT_EQ(at(r, "prompt"), "1girl, red_hair");
  EXPECT_EQ(at(r, "seed"), "78");
  EXPECT_EQ(at(r, "cfg"), "4");
  EXPECT_EQ(at(r, "sampler"), "euler");
  EXPECT_EQ(at(r, "schedule"), "beta");
  EXPECT_EQ(at(r, "steps"), "11");
  EXPECT_EQ(at(r, "shift"), "4");
  EXPECT_EQ(at(r, "loras"), "ink:0.5,text_encoder=0");  // of the model alone
  EXPECT_THAT(r.notes, ElementsAre("a node PerturbedAttentionGuidance acts on the model"));
}

TEST(RecallComfyUi, ASecondPassOnAnEnlargedLatent) {
  const std::string links = R"("positive": ["6", 0], "negative": ["7", 0], "latent_image": )";
  const std::string upscale =
      R"("40": {"class_type": "LatentUpscaleBy", "inputs": {"samples": ["41", 0], "upscale_method": "bislerp",
         "scale_by": 1.5}},)";
  const std::string second =
      R"("3": {"class_type": "KSampler", "inputs": {"seed": 78, "steps": 6, "cfg": 5.5, "sampler_name": "res_multistep",
         "scheduler": "simple", "denoise": 0.5, "model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0],
         "latent_image": ["40", 0]}},)";
  const Recollection r = recalled("prompt", graph_of(second + upscale + sampler(links + R"(["5", 0])", "41")));
  EXPECT_EQ(at(r, "seed"), "77");
  EXPECT_EQ(at(r, "steps"), "9");
  EXPECT_EQ(at(r, "width"), "128");
  EXPECT_EQ(at(r, "hires_scale"), "1.5");
  EXPECT_EQ(at(r, "hires_strength"), "0.5");
  EXPECT_EQ(at(r, "hires_steps"), "6");
  EXPECT_EQ(at(r, "strength_rule"), "comfyui");
  EXPECT_EQ(at(r, "strength"), "(not said)");
  EXPECT_THAT(r.notes, ElementsAre(HasSubstr("LatentUpscaleBy bislerp"), HasSubstr("seed 78 of the second pass")));
}

TEST(RecallComfyUi, StartedFromAPicture) {
  const Recollection r = recalled("prompt", graph_of(R"(
      "50": {"class_type": "LoadImage", "inputs": {"image": "photo.png"}},
      "51": {"class_type": "VAEEncode", "inputs": {"pixels": ["50", 0], "vae": ["11", 0]}},
      "3": {"class_type": "KSampler", "inputs": {"seed": 1, "steps": 9, "cfg": 5, "sampler_name": "euler", "scheduler":
        "simple", "denoise": 0.6, "model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["51", 0]}})"));
  EXPECT_EQ(at(r, "strength"), "0.6");
  EXPECT_EQ(at(r, "strength_rule"), "comfyui");
  EXPECT_THAT(r.notes, ElementsAre(HasSubstr("image photo.png: it was drawn from another picture")));
}

TEST(RecallComfyUi, TheGraphOfTheEditor) {
  const auto r = recall_text(R"({"nodes": [
      {"id": 3, "type": "KSampler", "widgets_values": [5, "fixed", 20, 5.5, "euler", "simple", 0.5],
       "inputs": [{"name": "positive", "link": 1}, {"name": "negative", "link": 2}, {"name": "latent_image", "link": 3}]},
      {"id": 12, "type": "Reroute", "inputs": [{"name": "", "link": 4}]},
      {"id": 6, "type": "CLIPTextEncode", "widgets_values": ["1girl"], "inputs": []},
      {"id": 7, "type": "CLIPTextEncode", "widgets_values": [""]},
      {"id": 8, "type": "EmptyLatentImage", "widgets_values": [512, 256, 1]},
      {"id": 9, "type": "KSampler", "mode": 2, "widgets_values": [6, "fixed", 20, 5.5, "euler", "simple", 1],
       "inputs": [{"name": "positive", "link": 1}, {"name": "latent_image", "link": 3}]}],
      "links": [[1, 12, 0, 3, 1, "CONDITIONING"], [2, 7, 0, 3, 2, "CONDITIONING"], [3, 8, 0, 3, 3, "LATENT"],
                [4, 6, 0, 12, 0, "CONDITIONING"]]})",
                             "w.json");
  ASSERT_TRUE(r);
  EXPECT_EQ(r->source, "workflow");
  EXPECT_EQ(at(*r, "prompt"), "1girl");
  EXPECT_EQ(at(*r, "negative_prompt"), "");
  EXPECT_EQ(at(*r, "seed"), "5");
  EXPECT_EQ(at(*r, "steps"), "20");
  EXPECT_EQ(at(*r, "width"), "512");
  // Half of the way from nothing is no picture to start from.
  EXPECT_EQ(at(*r, "strength"), "(not said)");
  EXPECT_THAT(r->notes, ElementsAre(HasSubstr("denoise 0.5 of an empty latent")));
}

// A graph as most are, with a patch laid over it: a link or a node that is named anew wins.
Recollection patched(const std::string& patch, const std::string& another = "{}") {
  OrderedJson graph = parse_ordered_json(R"({
    "3": {"class_type": "KSampler", "inputs": {"seed": 5, "steps": 25, "cfg": 4.0, "sampler_name": "euler", "scheduler":
      "normal", "denoise": 1.0, "model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0]}},
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "x.safetensors"}},
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 96, "batch_size": 1}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "1girl, smile", "clip": ["4", 1]}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "bad", "clip": ["4", 1]}},
    "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
    "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "x", "images": ["8", 0]}}})",
                                         "graph");
  for (const std::string& one : {patch, another}) graph.merge_patch(parse_ordered_json(one, "patch"));
  return recalled("prompt", graph.dump());
}

TEST(RecallComfyUi, WhatIsUnderstoodNeedsNoNote) { EXPECT_THAT(patched("{}").notes, IsEmpty()); }

// Between the last sampler and the file, and where a picture is saved twice.
TEST(RecallComfyUi, WhatActsOnTheDrawnPictureIsTold) {
  const auto after = [](const std::string& node) {
    return patched(R"({"20": )" + node + R"(, "9": {"inputs": {"images": ["20", 0]}}})");
  };
  const Recollection redrawn = after(R"({"class_type": "UltimateSDUpscale", "inputs": {"image": ["8", 0], "model":
      ["4", 0], "positive": ["6", 0], "negative": ["7", 0], "vae": ["4", 2], "upscale_model": ["21", 0], "upscale_by":
      2, "seed": 9, "steps": 20, "cfg": 8, "sampler_name": "euler", "scheduler": "normal", "denoise": 0.3}},
      "21": {"class_type": "UpscaleModelLoader", "inputs": {"model_name": "4x-UltraSharp.pth"}})");
  EXPECT_EQ(at(redrawn, "prompt"), "1girl, smile");
  EXPECT_EQ(at(redrawn, "seed"), "5");
  EXPECT_THAT(redrawn.notes, ElementsAre(HasSubstr("a node UltimateSDUpscale (upscale_by 2, denoise 0.3) acts on the "
                                                   "drawn picture"),
                                         "with UltimateSDUpscale is left out: UpscaleModelLoader"));
  EXPECT_THAT(after(R"({"class_type": "FaceDetailer", "inputs": {"image": ["8", 0], "model": ["4", 0], "positive":
      ["6", 0], "negative": ["7", 0], "denoise": 0.5}})")
                  .notes,
              ElementsAre(HasSubstr("a node FaceDetailer (denoise 0.5)")));
  EXPECT_THAT(after(R"({"class_type": "ImageScaleBy", "inputs": {"image": ["8", 0], "upscale_method": "lanczos",
      "scale_by": 2}})")
                  .notes,
              ElementsAre(HasSubstr("a node ImageScaleBy (scale_by 2)")));
  // Of a type that nobody has heard of, by an input that nobody has heard of.
  EXPECT_THAT(after(R"({"class_type": "Sparkle", "inputs": {"canvas": ["8", 0]}})").notes,
              ElementsAre(HasSubstr("a node Sparkle acts on the drawn picture")));
  EXPECT_THAT(patched(R"({"20": {"class_type": "LatentFlip", "inputs": {"samples": ["3", 0], "flip_method":
      "x-axis: vertically"}}, "8": {"inputs": {"samples": ["20", 0]}}})")
                  .notes,
              ElementsAre(HasSubstr("a node LatentFlip")));
  const Recollection twice = patched(R"({"20": {"class_type": "ImageInvert", "inputs": {"image": ["8", 0]}},
      "21": {"class_type": "SaveImage", "inputs": {"images": ["20", 0], "filename_prefix": "y"}}})");
  EXPECT_THAT(twice.notes, ElementsAre("2 pictures were made by this graph: read is that of node 21, SaveImage",
                                       HasSubstr("a node ImageInvert")));
}

TEST(RecallComfyUi, ThePictureOfABatch) {
  EXPECT_THAT(patched(R"({"5": {"inputs": {"batch_size": 4}}})").notes, ElementsAre(HasSubstr("batch_size 4")));
  const Recollection third = patched(R"({"5": {"inputs": {"batch_size": 4}}, "20": {"class_type": "LatentFromBatch",
      "inputs": {"samples": ["3", 0], "batch_index": 2, "length": 1}}, "8": {"inputs": {"samples": ["20", 0]}}})");
  EXPECT_EQ(at(third, "batch"), "3");
  EXPECT_EQ(at(third, "batch_noise"), "slices");
  EXPECT_THAT(third.notes, ElementsAre("batch_index 2: of the 3 pictures that are drawn, it is the last"));
}

TEST(RecallComfyUi, LoadersOfAdaptersByTheirOwnInputs) {
  const auto loaded = [](const std::string& node) {
    return patched(R"({"20": )" + node +
                   R"(, "3": {"inputs": {"model": ["20", 0]}}, "6": {"inputs": {"clip": ["20", 1]}}})");
  };
  const struct {
    const char *node, *adapter;
  } cases[] = {
      {R"({"class_type": "LoraLoader", "inputs": {"lora_name": "a\\ink.safetensors", "strength_model": 0.8,
          "strength_clip": 0.8, "model": ["4", 0], "clip": ["4", 1]}})",
       "ink:0.8"},
      {R"({"class_type": "LoraLoader", "inputs": {"lora_name": "ink.safetensors", "strength_model": 0.8,
          "strength_clip": 0.3, "model": ["4", 0], "clip": ["4", 1]}})",
       "ink:0.8,text_encoder=0.3"},
      {R"({"class_type": "LoraLoader|pysssss", "inputs": {"lora_name": {"content": "ink.safetensors", "image": null},
          "strength_model": 0.8, "strength_clip": 0.8, "model": ["4", 0], "clip": ["4", 1]}})",
       "ink:0.8"},
      {R"json({"class_type": "Power Lora Loader (rgthree)", "inputs": {"PowerLoraLoaderHeaderWidget": {"type":
          "PowerLoraLoaderHeaderWidget"}, "lora_1": {"on": true, "lora": "ink.safetensors", "strength": 0.8}, "lora_2":
          {"on": false, "lora": "no.safetensors", "strength": 1}, "➕ Add Lora": "", "model": ["4", 0], "clip": ["4", 1]}})json",
       "ink:0.8"},
      {R"({"class_type": "CR Load LoRA", "inputs": {"switch": "On", "lora_name": "ink.safetensors", "strength_model":
          0.8, "strength_clip": 0.8, "model": ["4", 0], "clip": ["4", 1]}})",
       "ink:0.8"},
      {R"({"class_type": "CR Load LoRA", "inputs": {"switch": "Off", "lora_name": "ink.safetensors", "strength_model":
          0.8, "strength_clip": 0.8, "model": ["4", 0], "clip": ["4", 1]}})",
       "(not said)"},
      {R"({"class_type": "LoraTagLoader", "inputs": {"text": "<lora:ink:0.8>", "model": ["4", 0], "clip": ["4", 1]}})",
       "ink:0.8"},
      {R"json({"class_type": "Lora Loader (LoraManager)", "inputs": {"text": "<lora:ink:0.8>", "loras": {"__value__":
          [{"name": "ink", "strength": 0.8, "active": true}, {"name": "no", "strength": 1, "active": false}]}, "model":
          ["4", 0], "clip": ["4", 1]}})json",
       "ink:0.8"},
      {R"({"class_type": "CR Apply LoRA Stack", "inputs": {"model": ["4", 0], "clip": ["4", 1], "lora_stack":
          ["21", 0]}}, "21": {"class_type": "CR LoRA Stack", "inputs": {"switch_1": "On", "lora_name_1":
          "ink.safetensors", "model_weight_1": 0.8, "clip_weight_1": 0.8, "switch_2": "Off", "lora_name_2": "None",
          "model_weight_2": 1, "clip_weight_2": 1}})",
       "ink:0.8"},
  };
  for (const auto& one : cases) {
    const Recollection r = loaded(one.node);
    EXPECT_EQ(at(r, "loras"), one.adapter) << one.node;
    EXPECT_THAT(r.notes, IsEmpty()) << one.node;
  }
  // A strength that is not known is not made up.
  const Recollection linked = loaded(R"({"class_type": "LoraLoader", "inputs": {"lora_name": "ink.safetensors",
      "strength_model": ["21", 0], "strength_clip": 1, "model": ["4", 0], "clip": ["4", 1]}},
      "21": {"class_type": "SimpleMath+", "inputs": {"value": "a/2", "a": 1}})");
  EXPECT_EQ(at(linked, "loras"), "(not said)");
  EXPECT_THAT(linked.notes, ElementsAre("strength_model comes from a node SimpleMath+", HasSubstr("ink.safetensors")));
  // A node with a model of its own is no loader, whatever it is called.
  EXPECT_THAT(patched(R"({"20": {"class_type": "IPAdapterUnifiedLoader", "inputs": {"preset": "PLUS", "model":
      ["4", 0]}}, "21": {"class_type": "IPAdapter", "inputs": {"weight": 1, "model": ["20", 0], "ipadapter": ["20", 1],
      "image": ["22", 0]}}, "22": {"class_type": "LoadImage", "inputs": {"image": "a.png"}},
      "3": {"inputs": {"model": ["21", 0]}}})")
                  .notes,
              ElementsAre("a node IPAdapterUnifiedLoader acts on the model", "a node IPAdapter acts on the model",
                          "with IPAdapter is left out: LoadImage"));
  EXPECT_THAT(patched(R"({"20": {"class_type": "Magic Loader", "inputs": {"lora_name": "a"}},
      "3": {"inputs": {"model": ["20", 0]}}})")
                  .notes,
              ElementsAre("a node Magic Loader acts on the model"));
}

TEST(RecallComfyUi, TheTextEncodersChainIsRead) {
  EXPECT_THAT(patched(R"({"20": {"class_type": "CLIPSetLastLayer", "inputs": {"stop_at_clip_layer": -2, "clip":
      ["4", 1]}}, "6": {"inputs": {"clip": ["20", 0]}}})")
                  .notes,
              ElementsAre("a node CLIPSetLastLayer -2 acts on the text encoder"));
  const Recollection lora = patched(R"({"20": {"class_type": "LoraLoader", "inputs": {"lora_name": "ink.safetensors",
      "strength_model": 1, "strength_clip": 0.7, "model": ["4", 0], "clip": ["4", 1]}}, "6": {"inputs": {"clip":
      ["20", 1]}}})");
  EXPECT_EQ(at(lora, "loras"), "ink:0,text_encoder=0.7");
  EXPECT_THAT(lora.notes, IsEmpty());
}

// A part of a text that a link does not give is told; rings and texts that multiply end.
TEST(RecallComfyUi, WhatATextLacksIsTold) {
  const auto prompt = [](const std::string& nodes) {
    return patched("{" + nodes + R"(, "6": {"inputs": {"text": ["20", 0]}}})");
  };
  constexpr const char* kJoiner =
      R"("20": {"class_type": "StringConcatenate", "inputs": {"string_a": "1girl", "string_b": ["21", 0],
      "delimiter": ", "}})";
  const Recollection nowhere = prompt(kJoiner);
  EXPECT_EQ(at(nowhere, "prompt"), "1girl, ");
  EXPECT_THAT(nowhere.notes, ElementsAre("string_b of a node StringConcatenate gives no text: it is left out"));
  const Recollection appended = prompt(R"("20": {"class_type": "StringFunction|pysssss", "inputs": {"action": "append",
      "tidy_tags": "no", "text_a": "1girl", "text_b": ["21", 0]}})");
  EXPECT_EQ(at(appended, "prompt"), "1girl");
  EXPECT_THAT(appended.notes, ElementsAre(HasSubstr("text_b of a node StringFunction|pysssss gives no text")));

  const Recollection ring = prompt(std::string(kJoiner) + R"(, "21": {"class_type": "CR Text", "inputs": {"text":
      ["20", 0]}})");
  EXPECT_EQ(at(ring, "prompt"), "1girl, ");
  EXPECT_THAT(ring.notes, Contains("string_b of a node StringConcatenate gives no text: it is left out"));

  std::string bomb = R"("30": {"class_type": "CR Text", "inputs": {"text": "aaaa"}})";
  for (int i = 20; i < 30; ++i)
    bomb += fmt::format(R"(, "{}": {{"class_type": "StringReplace", "inputs": {{"string": ["{}", 0], "find": "a",
        "replace": "{}"}}}})",
                        i, i + 1, std::string(1000, 'a'));
  const Recollection grown = prompt(bomb);
  EXPECT_LE(at(grown, "prompt").size(), size_t{1} << 20);
  EXPECT_THAT(grown.notes, Contains("a node StringReplace makes a text: what it was given is taken"));
}

TEST(RecallComfyUi, TextsAsTheirNodesMakeThem) {
  const auto prompt = [](const std::string& node) {
    return patched(R"({"20": )" + node + R"(, "6": {"inputs": {"text": ["20", 0]}}})");
  };
  const struct {
    const char *node, *text;
  } known[] = {
      {R"({"class_type": "Text Concatenate", "inputs": {"delimiter": ", ", "clean_whitespace": "true", "text_a":
          "1girl ", "text_b": "", "text_c": "smile"}})",
       "1girl, smile"},
      {R"({"class_type": "JoinStringMulti", "inputs": {"inputcount": 11, "delimiter": " ", "return_list": false,
          "string_1": "a", "string_2": "b", "string_10": "c", "string_11": "d", "string_12": "no"}})",
       "a b c d"},
      {R"({"class_type": "StringConcatenate", "inputs": {"string_a": "1girl", "string_b": ["21", 0], "delimiter": ", "}},
          "21": {"class_type": "CR Text", "inputs": {"text": "smile"}})",
       "1girl, smile"},
      {R"({"class_type": "CR Text Concatenate", "inputs": {"text1": "1girl", "text2": "smile", "separator": "|"}})",
       "1girl|smile"},
      {R"({"class_type": "StringFunction|pysssss", "inputs": {"action": "append", "tidy_tags": "yes", "text_a":
          "1girl", "text_b": "smile", "text_c": ""}})",
       "1girl, smile"},
      {R"({"class_type": "StringReplace", "inputs": {"string": "1girl, smile", "find": "smile", "replace": "crying"}})",
       "1girl, crying"},
      {R"({"class_type": "Text Find and Replace", "inputs": {"text": "1girl, smile", "find": "smile", "replace":
          "crying"}})",
       "1girl, crying"},
      {R"({"class_type": "StringTrim", "inputs": {"string": " 1girl ", "mode": "Left"}})", "1girl "},
      {R"({"class_type": "ImpactWildcardProcessor", "inputs": {"wildcard_text": "{a|b}", "populated_text": "a girl",
          "mode": "populate", "seed": 4, "Select to add Wildcard": "x"}})",
       "a girl"},
      {R"({"class_type": "CR Text Input Switch", "inputs": {"Input": 2, "text1": ["21", 0], "text2": ["22", 0]}}, "21":
          {"class_type": "CR Text", "inputs": {"text": "first"}}, "22": {"class_type": "CR Text", "inputs": {"text":
          "second"}})",
       "second"},
  };
  for (const auto& one : known) {
    const Recollection r = prompt(one.node);
    EXPECT_EQ(at(r, "prompt"), one.text) << one.node;
    EXPECT_THAT(r.notes, IsEmpty()) << one.node;
  }
  const struct {
    const char *node, *type, *text;
  } unknown[] = {
      {R"({"class_type": "RegexReplace", "inputs": {"string": "1girl, smile", "regex_pattern": "sm.*", "replace": "x"}})",
       "RegexReplace", "1girl, smile"},
      {R"({"class_type": "Text Find and Replace", "inputs": {"text": "1girl", "find": "g.*", "replace": "x"}})",
       "Text Find and Replace", "1girl"},
      {R"({"class_type": "CaseConverter", "inputs": {"string": "1girl", "mode": "UPPERCASE"}})", "CaseConverter",
       "1girl"},
      {R"({"class_type": "Prompt Guru", "inputs": {"subject": ["21", 0]}}, "21": {"class_type": "CR Text", "inputs":
          {"text": "1girl"}})",
       "Prompt Guru", "1girl"},
      {R"({"class_type": "Switch of Texts", "inputs": {"Input": ["21", 0], "text1": "1girl", "text2": "b"}}, "21":
          {"class_type": "Dice", "inputs": {"sides": 2}})",
       "Switch of Texts", "1girl"},
  };
  for (const auto& one : unknown) {
    const Recollection r = prompt(one.node);
    EXPECT_EQ(at(r, "prompt"), one.text) << one.node;
    EXPECT_THAT(r.notes, Contains(HasSubstr(std::string("a node ") + one.type))) << one.node;
  }
  // Without a text there is no prompt, and the node that should have made it is named.
  const Recollection none = prompt(R"({"class_type": "Oracle", "inputs": {"temperature": 1}})");
  EXPECT_EQ(at(none, "prompt"), "(not said)");
  EXPECT_THAT(none.notes, Contains("a text comes from a node Oracle"));
}

TEST(RecallComfyUi, SizesOfListsAndEnlargedNothing) {
  const auto size = [](const Recollection& r) { return at(r, "width") + 'x' + at(r, "height"); };
  const auto latent = [](const std::string& node) {
    return patched(R"({"20": )" + node + R"(, "3": {"inputs": {"latent_image": ["20", 0]}}})");
  };
  const struct {
    const char *node, *size;
  } cases[] = {
      {R"json({"class_type": "SDXLEmptyLatentSizePicker+", "inputs": {"resolution": "896x1152 (0.78)", "batch_size": 1,
          "width_override": 0, "height_override": 0}})json",
       "896x1152"},
      {
          R"json({"class_type": "SDXLEmptyLatentSizePicker+", "inputs": {"resolution": "896x1152 (0.78)", "batch_size" : 1,
      "width_override" : 640, "height_override" : 0
}
})json",
          "640x1152"},
      {
          R"json({"class_type": "EmptyLatentImagePresets", "inputs": {"dimensions": "1152 x 896 (1.286:1)",
      "invert" : true, "batch_size" : 1
}
})json",
          "896x1152"},
      {R"({"class_type": "LatentUpscale", "inputs": {"samples": ["5", 0], "upscale_method": "nearest-exact", "width":
          128, "height": 0, "crop": "disabled"}})",
       "128x192"},
      {R"({"class_type": "EmptyLatentImage", "inputs": {"width": ["21", 0], "height": ["21", 1], "batch_size": 1}},
          "21": {"class_type": "CR SDXL Aspect Ratio", "inputs": {"width": 1024, "height": 1024, "aspect_ratio":
          "3:4 portrait 896x1152", "swap_dimensions": "Off", "upscale_factor": 1, "batch_size": 1}})",
       "896x1152"},
      {R"({"class_type": "EmptyLatentImage", "inputs": {"width": ["21", 0], "height": ["21", 1], "batch_size": 1}},
          "21": {"class_type": "CR SDXL Aspect Ratio", "inputs": {"width": 640, "height": 320, "aspect_ratio":
          "custom", "swap_dimensions": "On", "upscale_factor": 1, "batch_size": 1}})",
       "320x640"},
  };
  for (const auto& one : cases) {
    const Recollection r = latent(one.node);
    EXPECT_EQ(size(r), one.size) << one.node;
    EXPECT_THAT(r.notes, IsEmpty()) << one.node;
  }
  const Recollection unknown = latent(R"({"class_type": "Nice Sizes", "inputs": {"preset": "portrait 768x1024"}})");
  EXPECT_EQ(size(unknown), "768x1024");
  EXPECT_THAT(unknown.notes, ElementsAre(HasSubstr("is taken from a node Nice Sizes")));
  const Recollection none =
      latent(R"({"class_type": "EmptyLatentByRatio", "inputs": {"ratio": "3:4", "megapixels": 1}})");
  EXPECT_EQ(size(none), "(not said)x(not said)");
  EXPECT_THAT(none.notes, ElementsAre("the size comes from a node EmptyLatentByRatio"));
}

// SDXL's base and its refiner: one walk of 25 steps.
TEST(RecallComfyUi, SamplersThatGoOnAreOneWalk) {
  const auto advanced = [](const char* id, const std::string& inputs) {
    OrderedJson node = parse_ordered_json(R"({"class_type": "KSamplerAdvanced", "inputs": {"noise_seed": 5, "steps": 25,
        "cfg": 8, "sampler_name": "euler", "scheduler": "normal", "model": ["4", 0], "positive": ["6", 0], "negative":
        ["7", 0], "latent_image": ["5", 0], "return_with_leftover_noise": "disable"}})",
                                          "node");
    node["inputs"].merge_patch(parse_ordered_json("{" + inputs + "}", "inputs"));
    return OrderedJson{{id, node}}.dump();
  };
  const std::string base = R"("add_noise": "enable", "start_at_step": 0, "end_at_step": 20,
      "return_with_leftover_noise": "enable")";
  const std::string end = R"("add_noise": "disable", "noise_seed": 0, "start_at_step": 20, "end_at_step": 10000,
      "latent_image": ["3", 0])";
  // Both samplers, and what decodes the second; the first has no inputs of a plain one.
  const auto both = [&](const std::string& nodes) {
    OrderedJson patch = parse_ordered_json(advanced("3", base), "patch");
    patch["3"]["inputs"].update(OrderedJson{{"denoise", nullptr}, {"seed", nullptr}});
    patch.merge_patch(parse_ordered_json(R"({"8": {"inputs": {"samples": ["30", 0]}}})", "patch"));
    return patched(patch.dump(), nodes);
  };
  const auto alone = [&](const std::string& inputs) {
    return patched(R"({"3": {"inputs": {"denoise": null, "seed": null}}})", advanced("3", inputs));
  };
  const Recollection r = both(advanced("30", end));
  EXPECT_EQ(at(r, "steps"), "25");
  EXPECT_EQ(at(r, "seed"), "5");
  EXPECT_EQ(at(r, "hires_scale"), "(not said)");
  EXPECT_THAT(r.notes, IsEmpty());
  EXPECT_THAT(both(advanced("30", end + R"(, "cfg": 3)")).notes, ElementsAre(HasSubstr("cfg 3 of the further steps")));
  EXPECT_THAT(both(advanced("30", R"("add_noise": "disable", "start_at_step": 22, "end_at_step": 10000, "latent_image":
      ["3", 0])"))
                  .notes,
              ElementsAre(HasSubstr("all steps are walked here")));
  EXPECT_THAT(alone(base).notes, ElementsAre(HasSubstr("all steps are walked here"), HasSubstr("no noise is left")));
  EXPECT_THAT(alone(R"("add_noise": "disable", "start_at_step": 0, "end_at_step": 10000)").notes,
              ElementsAre(HasSubstr("empty latent without noise")));
}

TEST(RecallComfyUi, TheRefinersModelIsTold) {
  const Recollection r = patched(R"({
      "3": {"class_type": "KSamplerAdvanced", "inputs": {"denoise": null, "seed": null, "noise_seed": 5, "add_noise":
        "enable", "start_at_step": 0, "end_at_step": 20, "return_with_leftover_noise": "enable"}},
      "30": {"class_type": "KSamplerAdvanced", "inputs": {"noise_seed": 0, "steps": 25, "cfg": 4.0, "sampler_name":
        "euler", "scheduler": "normal", "add_noise": "disable", "start_at_step": 20, "end_at_step": 10000,
        "return_with_leftover_noise": "disable", "model": ["31", 0], "positive": ["32", 0], "negative": ["7", 0],
        "latent_image": ["3", 0]}},
      "31": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "refiner.safetensors"}},
      "32": {"class_type": "CLIPTextEncode", "inputs": {"text": "1girl, smile", "clip": ["31", 1]}},
      "8": {"inputs": {"samples": ["30", 0]}}})");
  EXPECT_EQ(at(r, "steps"), "25");
  EXPECT_THAT(r.notes, ElementsAre("the further steps had another model, refiner.safetensors: one draws all here"));
}

// From a picture, the steps that are left are a strength.
TEST(RecallComfyUi, AWalkFromItsMiddleIsAStrength) {
  const Recollection r = patched(R"({
      "3": {"class_type": "KSamplerAdvanced", "inputs": {"denoise": null, "seed": null, "noise_seed": 5, "add_noise":
        "enable", "start_at_step": 10, "end_at_step": 10000, "return_with_leftover_noise": "disable", "latent_image":
        ["40", 0]}},
      "40": {"class_type": "VAEEncode", "inputs": {"pixels": ["41", 0], "vae": ["4", 2]}},
      "41": {"class_type": "LoadImage", "inputs": {"image": "a.png"}}})");
  EXPECT_EQ(at(r, "strength"), "0.6");
  EXPECT_EQ(at(r, "strength_rule"), "diffusers");
  EXPECT_THAT(r.notes, ElementsAre(HasSubstr("a.png: it was drawn from another picture")));
}

TEST(RecallComfyUi, ASecondPassIsComparedWithTheFirst) {
  const auto second = [](const std::string& patch) {
    return patched(R"({"31": {"class_type": "LatentUpscaleBy", "inputs": {"samples": ["3", 0], "upscale_method":
        "nearest-exact", "scale_by": 2}}, "30": {"class_type": "KSampler", "inputs": {"seed": 5, "steps": 25, "cfg": 4.0,
        "sampler_name": "euler", "scheduler": "normal", "denoise": 0.6, "model": ["4", 0], "positive": ["6", 0],
        "negative": ["7", 0], "latent_image": ["31", 0]}}, "8": {"inputs": {"samples": ["30", 0]}}})",
                   patch);
  };
  EXPECT_THAT(second("{}").notes, ElementsAre(HasSubstr("LatentUpscaleBy nearest-exact")));
  EXPECT_THAT(second(R"({"30": {"inputs": {"positive": ["32", 0]}}, "32": {"class_type": "CLIPTextEncode", "inputs":
      {"text": "1boy, angry", "clip": ["4", 1]}}})")
                  .notes,
              Contains("prompt 1boy, angry of the second pass: it has that of the first here"));
  EXPECT_THAT(second(R"({"30": {"inputs": {"model": ["32", 0]}}, "32": {"class_type": "LoraLoaderModelOnly", "inputs":
      {"lora_name": "detail.safetensors", "strength_model": 0.7, "model": ["4", 0]}}})")
                  .notes,
              Contains(HasSubstr("adapter detail.safetensors:0.7 of the second pass")));
  EXPECT_THAT(second(R"({"30": {"inputs": {"cfg": 9, "scheduler": "karras"}}})").notes,
              IsSupersetOf({HasSubstr("cfg 9"), HasSubstr("scheduler karras")}));
  // Enlarged by a network: by how much, its name says, or nobody.
  const auto network = [&](const std::string& name) {
    return second(R"({"30": {"inputs": {"latent_image": ["36", 0]}},
        "36": {"class_type": "VAEEncode", "inputs": {"pixels": ["33", 0], "vae": ["4", 2]}},
        "33": {"class_type": "ImageUpscaleWithModel", "inputs": {"image": ["34", 0], "upscale_model": ["35", 0]}},
        "34": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
        "35": {"class_type": "UpscaleModelLoader", "inputs": {"model_name": ")" +
                  name + R"("}}})");
  };
  EXPECT_EQ(at(network("4x-UltraSharp.pth"), "hires_scale"), "4");
  EXPECT_EQ(at(network("RealESRGAN_x2plus.pth"), "hires_scale"), "2");
  const Recollection secret = network("best.pth");
  EXPECT_EQ(at(secret, "hires_scale"), "(not said)");
  EXPECT_EQ(at(secret, "hires_strength"), "(not said)");
  EXPECT_THAT(secret.notes, Contains(HasSubstr("the second pass is not drawn")));
  // Of three, the last is drawn upon the first.
  const Recollection third = second(R"({"50": {"class_type": "LatentUpscaleBy", "inputs": {"samples": ["30", 0],
      "upscale_method": "nearest-exact", "scale_by": 1.5}}, "51": {"class_type": "KSampler", "inputs": {"seed": 5,
      "steps": 9, "cfg": 4.0, "sampler_name": "euler", "scheduler": "normal", "denoise": 0.3, "model": ["4", 0],
      "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["50", 0]}}, "8": {"inputs": {"samples": ["51", 0]}}})");
  EXPECT_EQ(at(third, "hires_scale"), "3");
  EXPECT_EQ(at(third, "hires_strength"), "0.3");
  EXPECT_THAT(third.notes, Contains("3 passes: the first and the last are drawn"));
}

// Brackets are read by the text encoder: most weigh, ComfyUI's own of this model does not.
TEST(RecallComfyUi, WeightsAreThoseOfTheTextEncoder) {
  const Recollection r =
      patched(R"({"6": {"inputs": {"text": "1girl, (smile:1.5), {red|blue} hair, rem \\(re\\), [a]"}}})");
  EXPECT_EQ(at(r, "prompt"), "1girl, (smile:1.5), \\{red|blue\\} hair, rem \\(re\\), \\[a\\]");
  EXPECT_EQ(at(r, "weights"), "true");
  EXPECT_THAT(r.notes, ElementsAre(HasSubstr("{red|blue} is a choice")));
  const Recollection ours = patched(R"json({"6": {"inputs": {"text": "1girl, (smile:1.5)", "clip": ["20", 0]
}
}
, "20" : {
  "class_type" : "DualCLIPLoader", "inputs" : { "clip_name1" : "g", "clip_name2" : "j", "type" : "newbie" }
}
})json");
  EXPECT_EQ(at(ours, "prompt"), "1girl, (smile:1.5)");
  EXPECT_EQ(at(ours, "weights"), "(not said)");
  EXPECT_THAT(ours.notes, ElementsAre(HasSubstr("letters to Gemma, there as here")));
  const Recollection nodes = patched(R"({"6": {"class_type": "NewBieCLIPTextEncode", "inputs": {"user_prompt":
      "1girl, {smile}", "system_prompt": "You are.", "use_chat_template": false, "text": null, "clip": ["20", 0]}},
      "20": {"class_type": "NewBieCLIPLoader", "inputs": {"gemma_model_path": "g"}}})");
  EXPECT_EQ(at(nodes, "prompt"), "1girl, {smile}");
  EXPECT_EQ(at(nodes, "system_prompt"), "You are. ");
  EXPECT_EQ(at(nodes, "routing"), "(not said)");
  EXPECT_EQ(at(nodes, "weights"), "true");
}

TEST(RecallComfyUi, WhatIsLeftOutWithATextIsShown) {
  EXPECT_THAT(patched(R"({"20": {"class_type": "ConditioningCombine", "inputs": {"conditioning_1": ["6", 0],
      "conditioning_2": ["21", 0]}}, "21": {"class_type": "CLIPTextEncode", "inputs": {"text": "1boy", "clip":
      ["4", 1]}}, "3": {"inputs": {"positive": ["20", 0]}}})")
                  .notes,
              ElementsAre(HasSubstr("a node ConditioningCombine"),
                          "with ConditioningCombine is left out: CLIPTextEncode (1boy)"));
  // ComfyUI reads no tags of adapters; our prompts would.
  const Recollection tag = patched(R"({"6": {"inputs": {"text": "1girl, <lora:ink:0.7>, smile"}}})");
  EXPECT_EQ(at(tag, "prompt"), "1girl, smile");
  EXPECT_EQ(at(tag, "loras"), "(not said)");
  EXPECT_THAT(tag.notes, ElementsAre("`prompt`: <lora:ink:0.7> was words there: it is left out"));
}

// A node that is all at once: what can be read of it is, and each part is told.
TEST(RecallComfyUi, ALoaderOfEverything) {
  const Recollection r = recalled("prompt", R"json({"1": {"class_type": "Efficient Loader", "inputs": {"ckpt_name": "x",
      "lora_name": "s", "positive": "1girl", "negative": "bad", "empty_latent_width": 64, "empty_latent_height": 96}},
      "2": {"class_type": "KSampler (Efficient)", "inputs": {"seed": 1, "steps": 5, "cfg": 4, "sampler_name": "euler",
      "scheduler": "normal", "denoise": 1, "preview_method": "auto", "model": ["1", 0], "positive": ["1", 1],
      "negative": ["1", 2], "latent_image": ["1", 3]}}, "3": {"class_type": "SaveImage", "inputs": {"images":
      ["2", 5]}}})json");
  EXPECT_EQ(at(r, "prompt"), "1girl");
  EXPECT_EQ(at(r, "negative_prompt"), "bad");
  EXPECT_EQ(at(r, "height"), "96");
  EXPECT_THAT(r.notes, IsSupersetOf({HasSubstr("the size is taken from a node Efficient Loader"),
                                     HasSubstr("a node Efficient Loader encodes the positive prompt"),
                                     HasSubstr("a node Efficient Loader acts on the model"),
                                     HasSubstr("a node KSampler (Efficient) draws")}));
}

// A value that nobody reads is told, too.
TEST(RecallComfyUi, ValuesOfKnownNodesAreToldWhenNobodyReadsThem) {
  EXPECT_THAT(
      patched(R"({"3": {"inputs": {"tiled_mode": "on"}}, "5": {"inputs": {"tilt": 3}}})").notes,
      UnorderedElementsAre("KSampler: no counterpart of tiled_mode on", "EmptyLatentImage: no counterpart of tilt 3"));
}

TEST(RecallComfyUi, OurOwnNodes) {
  const Recollection r = recalled("prompt", R"json({
      "1": {"class_type": "NewbieLoad", "inputs": {"model": "x", "dtype": "auto", "memory_gib": 0, "threads": 0}},
      "2": {"class_type": "NewbieLora", "inputs": {"model": ["1", 0], "lora_name": "ink.safetensors", "strength": 0.5}},
      "3": {"class_type": "NewbiePrompt", "inputs": {"model": ["1", 0], "text": "1girl", "form": "as it is"}},
      "4": {"class_type": "NewbieSample", "inputs": {"model": ["2", 0], "prompt": ["3", 0], "negative_prompt": "bad",
        "seed": 7, "width": 64, "height": 0, "batch": 2, "steps": 9, "cfg": 3, "sampler": "euler", "schedule":
        "(the sampler's own)", "batch_noise": "slices", "preview_every": 4
}
}
, "5" : {
  "class_type" : "SaveImage", "inputs" : { "images" : [ "4", 0 ], "filename_prefix" : "a" }
}
})json");
  EXPECT_EQ(at(r, "prompt"), "1girl");
  EXPECT_EQ(at(r, "negative_prompt"), "bad");
  EXPECT_EQ(at(r, "seed"), "7");
  EXPECT_EQ(at(r, "width"), "64");
  EXPECT_EQ(at(r, "height"), "(not said)");
  EXPECT_EQ(at(r, "batch"), "2");
  EXPECT_EQ(at(r, "schedule"), "(not said)");
  EXPECT_EQ(at(r, "loras"), "ink:0.5");
  EXPECT_THAT(r.notes, IsEmpty());
}

// Widgets that no table names have places, and are found by what they hold, or told.
TEST(RecallComfyUi, WidgetsWithoutNames) {
  const auto loaded = [](const std::string& type, const std::string& widgets) {
    return *recall_text(R"({"nodes": [
      {"id": 3, "type": "KSampler", "widgets_values": [5, "fixed", 20, 5.5, "euler", "simple", 1],
       "inputs": [{"name": "model", "link": 2}, {"name": "positive", "link": 1}, {"name": "latent_image", "link": 3}]},
      {"id": 6, "type": "CLIPTextEncode", "widgets_values": ["1girl"], "inputs": []},
      {"id": 7, "type": ")" +
                            type + R"(", "widgets_values": )" + widgets +
                            R"(, "inputs": [{"name": "model", "link": 4}]},
      {"id": 4, "type": "CheckpointLoaderSimple", "widgets_values": ["x.safetensors"]},
      {"id": 8, "type": "EmptyLatentImage", "widgets_values": [512, 256, 1]}],
      "links": [[1, 6, 0, 3, 1, "CONDITIONING"], [2, 7, 0, 3, 0, "MODEL"], [3, 8, 0, 3, 3, "LATENT"],
                [4, 4, 0, 7, 0, "MODEL"]]})",
                        "w.json");
  };
  const Recollection power = loaded("Power Lora Loader (rgthree)", R"([{}, {"type": "PowerLoraLoaderHeaderWidget"},
      {"on": true, "lora": "ink.safetensors", "strength": 0.8, "strengthTwo": null}, {}, ""])");
  EXPECT_EQ(at(power, "loras"), "ink:0.8");
  EXPECT_THAT(power.notes, IsEmpty());
  EXPECT_THAT(loaded("CR Load LoRA", R"(["On", "ink.safetensors", 0.8, 0.8])").notes,
              Contains(HasSubstr("CR Load LoRA: no counterpart of widget 0 On, widget 1 ink.safetensors")));
}

// The editor's links by name.
TEST(RecallComfyUi, SetAndGetOfTheEditor) {
  const auto r = recall_text(R"({"nodes": [
      {"id": 3, "type": "KSampler", "widgets_values": [5, "fixed", 20, 5.5, "euler", "simple", 1],
       "inputs": [{"name": "positive", "link": 1}, {"name": "latent_image", "link": 3}]},
      {"id": 12, "type": "GetNode", "widgets_values": ["words"], "inputs": []},
      {"id": 13, "type": "SetNode", "widgets_values": ["words"], "inputs": [{"name": "CONDITIONING", "link": 4}]},
      {"id": 6, "type": "CLIPTextEncode", "widgets_values": ["1girl"], "inputs": []},
      {"id": 8, "type": "EmptyLatentImage", "widgets_values": [512, 256, 1]}],
      "links": [[1, 12, 0, 3, 1, "CONDITIONING"], [3, 8, 0, 3, 3, "LATENT"], [4, 6, 0, 13, 0, "CONDITIONING"]]})",
                             "w.json");
  ASSERT_TRUE(r);
  EXPECT_EQ(at(*r, "prompt"), "1girl");
}

// A graph of many nodes, each with many links, is read in a moment, whatever it links to.
TEST(RecallComfyUi, RingsAndLargeGraphsEnd) {
  OrderedJson graph = OrderedJson::object();
  constexpr int kNodes = 3000;
  for (int i = 0; i < kNodes; ++i)
    graph[std::to_string(i)] = {{"class_type", i % 2 ? "TextConcat" : "KSampler"},
                                {"inputs",
                                 {{"positive", {std::to_string((i * 7 + 1) % kNodes), 0}},
                                  {"latent_image", {std::to_string((i + 1) % kNodes), 0}}}}};
  EXPECT_NO_THROW(recalled("prompt", graph.dump()));
}

}  // namespace
}  // namespace newbie
