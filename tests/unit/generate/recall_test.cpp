// Requests read back from what other programs write, each in its own form. What cannot be taken over is told.
#include "generate/recall.h"

#include <gmock/gmock.h>

#include "unit/core/expect_error.h"

namespace newbie {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string at(const Recollection& r, const char* field) {
  const std::string* value = r.find(field);
  return value != nullptr ? *value : "(not said)";
}

Recollection recalled(const char* key, const std::string& text) {
  const std::vector<TextChunk> texts{{key, text}};
  return *recall(texts, "x.png");
}

std::optional<Recollection> recall_if_any(const char* key, const std::string& text) {
  const std::vector<TextChunk> texts{{key, text}};
  return recall(texts, "x.png");
}

TEST(RecallA1111, OldAndNewForms) {
  const Recollection r = recalled(
      "parameters",
      "1girl,\nsolo\nNegative prompt: bad, ugly\nSteps: 20, Sampler: Euler a, Schedule type: Automatic, CFG scale: 7, "
      "Seed: 42, Size: 512x768, Model hash: abc, Lora hashes: \"a: 1, b: 2\", Denoising strength: 0.4, Version: v1.9");
  EXPECT_EQ(at(r, "prompt"), "1girl,\nsolo");
  EXPECT_EQ(at(r, "negative_prompt"), "bad, ugly");
  EXPECT_EQ(at(r, "sampler"), "euler_a");
  EXPECT_EQ(at(r, "schedule"), "normal");
  EXPECT_EQ(at(r, "width"), "512");
  EXPECT_EQ(at(r, "height"), "768");
  EXPECT_EQ(at(r, "strength"), "0.4");
  EXPECT_THAT(r.notes, ElementsAre("Lora hashes: a: 1, b: 2 has no counterpart", HasSubstr("give that with")));

  // Before 1.9 the schedule was part of the sampler's name.
  const Recollection old = recalled("parameters", "a\nSteps: 9, Sampler: DPM++ 2M Karras, Seed: 1, Size: 128x128");
  EXPECT_EQ(at(old, "sampler"), "dpmpp_2m");
  EXPECT_THAT(old.notes, ElementsAre("scheduler Karras is not one of ours"));
  // 9 steps are 9 evaluations there: the schedule is told, since ours of Euler counts points.
  EXPECT_EQ(at(recalled("parameters", "a\nSteps: 9, Sampler: Euler"), "schedule"), "normal");

  const Recollection eta = recalled("parameters",
                                    "1girl\nSteps: 9, Sampler: Euler a, Schedule type: Normal, CFG scale: 1, Seed: "
                                    "12345, Size: 128x128, Eta: 0.5, RNG: CPU, Clip skip: 2");
  EXPECT_EQ(at(eta, "eta"), "0.5");
  EXPECT_THAT(eta.notes, ElementsAre("Clip skip: 2 has no counterpart"));
  EXPECT_EQ(at(recalled("parameters", "just words"), "prompt"), "just words");
}

// People shorten the settings; a prompt that only ends like them is left alone.
TEST(RecallA1111, SettingsMayLackTheirSteps) {
  const Recollection r = recalled("parameters", "1girl\nNegative prompt: bad\nSeed: 7, Size: 128x256, CFG scale: 3");
  EXPECT_EQ(at(r, "prompt"), "1girl");
  EXPECT_EQ(at(r, "negative_prompt"), "bad");
  EXPECT_EQ(at(r, "seed"), "7");
  EXPECT_EQ(at(r, "height"), "256");
  EXPECT_EQ(at(recalled("parameters", "1girl,\nsmile: wide, open\nSteps: 3"), "prompt"), "1girl,\nsmile: wide, open");
  EXPECT_EQ(at(recalled("parameters", "1girl\nNegative prompt: a: b, c: d"), "negative_prompt"), "a: b, c: d");
}

TEST(RecallA1111, QuotedValuesWithLineBreaksStayInTheSettings) {
  const Recollection r = recalled("parameters",
                                  "1girl\nNegative prompt: bad\nSteps: 9, Sampler: Euler, Template: \"one,\ntwo: 3\", "
                                  "Seed: 7, Size: 64x64");
  EXPECT_EQ(at(r, "negative_prompt"), "bad");
  EXPECT_EQ(at(r, "seed"), "7");
  EXPECT_EQ(at(r, "width"), "64");
  EXPECT_THAT(r.notes, ElementsAre("Template: one, two: 3 has no counterpart"));
}

TEST(RecallA1111, HiresPasses) {
  const Recollection r =
      recalled("parameters",
               "a\nSteps: 20, Sampler: Euler, Schedule type: Simple, Size: 832x1216, Denoising strength: 0.5, Hires "
               "upscale: 1.5, Hires steps: 10, Hires upscaler: Latent, Hires CFG Scale: 3");
  EXPECT_EQ(at(r, "hires_scale"), "1.5");
  EXPECT_EQ(at(r, "hires_steps"), "10");
  EXPECT_EQ(at(r, "hires_strength"), "0.5");
  EXPECT_EQ(at(r, "strength"), "(not said)");
  EXPECT_THAT(r.notes,
              ElementsAre("Hires upscaler: Latent has no counterpart", "Hires CFG Scale: 3 has no counterpart"));
  EXPECT_EQ(at(recalled("parameters", "a\nSteps: 2, Size: 64x96, Hires resize: 128x192"), "hires_scale"), "2");
}

TEST(RecallA1111, BracketsAreWeights) {
  const Recollection r = recalled("parameters", "1girl, (smile:1.2), {x}, rem \\(a\\)\nSteps: 9, Sampler: Euler");
  EXPECT_EQ(at(r, "weights"), "true");
  EXPECT_EQ(at(r, "prompt"), "1girl, (smile:1.2), \\{x\\}, rem \\(a\\)");  // { } are letters there
  EXPECT_EQ(at(recalled("parameters", "1girl, smile\nSteps: 9"), "weights"), "(not said)");
  const Recollection broken = recalled("parameters", "1girl, (smile\nSteps: 9");
  EXPECT_EQ(at(broken, "prompt"), "1girl, (smile");
  EXPECT_EQ(at(broken, "weights"), "(not said)");
  EXPECT_THAT(broken.notes, ElementsAre(HasSubstr("count as letters")));
}

TEST(RecallA1111, SizesThatAreNotOursAreToldAndRounded) {
  const Recollection r = recalled("parameters", "a\nSteps: 9, Size: 1000x1001");
  EXPECT_EQ(at(r, "width"), "1008");
  EXPECT_EQ(at(r, "height"), "1008");
  EXPECT_THAT(r.notes, ElementsAre(HasSubstr("size 1000x1001 is drawn as 1008x1008")));
  EXPECT_THAT(recalled("parameters", "a\nSteps: 9, Size: big").notes, ElementsAre(HasSubstr("expected two numbers")));
  EXPECT_THAT(recalled("parameters", "a\nSteps: 9, CFG scale: seven, Seed: -1").notes,
              ElementsAre(HasSubstr("CFG scale: expected a number"), HasSubstr("Seed: -1 is a random one")));
}

TEST(RecallForge, ItsOwnKeys) {
  const Recollection r = recalled(
      "parameters",
      "1girl\nSteps: 28, Sampler: Euler, Schedule type: Beta, CFG scale: 4.5, Distilled CFG Scale: 3.5, Shift: 6, "
      "Seed: "
      "5, Size: 1024x1536, Model: newbie, Version: f2.0.1v1.10.1-previous-669, Module 1: ae, Hires Module 1: Use same "
      "choices");
  EXPECT_EQ(at(r, "schedule"), "beta");
  EXPECT_EQ(at(r, "shift"), "6");
  EXPECT_THAT(r.notes, ElementsAre("Distilled CFG Scale: 3.5 has no counterpart", "Module 1: ae has no counterpart"));
}

TEST(RecallSdNext, BarsBetweenSettings) {
  const Recollection r =
      recalled("parameters",
               "1girl, smile\nNegative prompt: blurry\nSteps: 9| Size: 128x192| Sampler: Euler| Seed: "
               "12345| CFG scale: 5.5| App: SD.Next");
  EXPECT_EQ(at(r, "steps"), "9");
  EXPECT_EQ(at(r, "height"), "192");
  EXPECT_EQ(at(r, "cfg"), "5.5");
  EXPECT_EQ(at(r, "negative_prompt"), "blurry");
  EXPECT_THAT(r.notes, IsEmpty());
  const Recollection commas = recalled(
      "parameters", "1girl\nNegative: blurry\nSteps: 9, Size: 128x192, Sampler: Heun, App: SD.Next, Parser: a1111");
  EXPECT_EQ(at(commas, "negative_prompt"), "blurry");
  EXPECT_EQ(at(commas, "sampler"), "heun");
  EXPECT_THAT(commas.notes, IsEmpty());
}

TEST(RecallStableDiffusionCpp, SamplerAndScheduleAreOneValue) {
  const Recollection r = recalled(
      "parameters",
      "1girl, smile\nNegative prompt: blurry\nSteps: 9, CFG scale: 5.500000, Guidance: 3.500000, Eta: 0.500000, Seed: "
      "42, Size: 128x192, Model: , RNG: cuda, Sampler: euler_a simple, TE: gemma.safetensors, Hires upscale: Latent, "
      "Hires scale: 2, Hires steps: 5, Version: stable-diffusion.cpp, SDCPP: {\"prompt\": \"1girl, smile\", "
      "\"sampling\": {\"steps\": 9, \"scheduler\": \"simple\"}, \"seed\": 42}");
  EXPECT_EQ(at(r, "sampler"), "euler_a");
  EXPECT_EQ(at(r, "schedule"), "simple");
  EXPECT_EQ(at(r, "cfg"), "5.5");
  EXPECT_EQ(at(r, "eta"), "0.5");
  EXPECT_EQ(at(r, "hires_scale"), "2");
  EXPECT_THAT(r.notes, ElementsAre("Guidance: 3.500000 has no counterpart", "RNG: cuda has no counterpart",
                                   "Hires upscale: Latent has no counterpart"));
  const Recollection discrete = recalled("parameters", "a\nSteps: 9, Sampler: dpm++2m discrete");
  EXPECT_EQ(at(discrete, "sampler"), "dpmpp_2m");
  EXPECT_EQ(at(discrete, "schedule"), "normal");
}

TEST(RecallSwarmUi, ReadsItsJson) {
  const std::string json = R"({"sui_image_params": {"prompt": "1girl, smile", "negativeprompt": "blurry",
      "model": "newbie", "seed": 42, "steps": 9, "cfgscale": 5.5, "aspectratio": "Custom", "width": 128, "height": 192,
      "sampler": "euler_ancestral", "scheduler": "sgm_uniform", "sigmashift": 3.0, "refinerupscale": 1.5,
      "refinercontrolpercentage": 0.4, "refinerupscalemethod": "pixel-lanczos", "loras": ["styles/ink"],
      "loraweights": ["0.8"], "swarm_version": "0.9.6"}, "sui_extra_data": {"date": "2026-01-01"}})";
  const Recollection r = recalled("parameters", json);
  EXPECT_EQ(r.source, "SwarmUI");
  EXPECT_EQ(at(r, "prompt"), "1girl, smile");
  EXPECT_EQ(at(r, "negative_prompt"), "blurry");
  EXPECT_EQ(at(r, "sampler"), "euler_a");
  EXPECT_EQ(at(r, "schedule"), "sgm_uniform");
  EXPECT_EQ(at(r, "shift"), "3");
  EXPECT_EQ(at(r, "height"), "192");
  EXPECT_EQ(at(r, "hires_scale"), "1.5");
  EXPECT_EQ(at(r, "hires_strength"), "0.4");
  EXPECT_EQ(at(r, "loras"), "ink:0.8");
  EXPECT_THAT(r.notes, ElementsAre("refinerupscalemethod: pixel-lanczos has no counterpart"));
  EXPECT_EQ(recall_text(json, "x.json")->fields, r.fields);

  const Recollection by_shape =
      recalled("parameters", R"({"sui_image_params": {"prompt": "1girl", "aspectratio": "3:2", "sidelength": 768}})");
  EXPECT_THAT(by_shape.notes, ElementsAre(HasSubstr("aspectratio: 3:2"), HasSubstr("sidelength: 768")));
}

TEST(RecallFooocus, ReadsItsOwnSchemeAndA1111s) {
  const std::string json = R"json({"adm_guidance": "(1.5, 0.8, 0.3)", "base_model": "animaPencilXL", "clip_skip": 2,
      "full_negative_prompt": ["blurry", ""], "full_prompt": ["1girl, smile", "cinematic"], "guidance_scale": 7.0,
      "loras": [["ink.safetensors", 0.5, "abc"], ["None", 1.0, ""]], "metadata_scheme": "fooocus",
      "negative_prompt": "blurry", "performance": "Speed", "prompt": "1girl, smile", "refiner_model": "None",
      "resolution": "(896, 1152)", "sampler": "dpmpp_2m_sde_gpu", "scheduler": "karras", "seed": "8724958", "sharpness":
      2.0, "steps": 30, "styles": "['Fooocus Cinematic']", "vae": "Default (model)", "version": "Fooocus v2.5.5"})json";
  const Recollection r = recalled("parameters", json);
  EXPECT_EQ(r.source, "Fooocus");
  EXPECT_EQ(at(r, "prompt"), "1girl, smile, cinematic");
  EXPECT_EQ(at(r, "negative_prompt"), "blurry");
  EXPECT_EQ(at(r, "seed"), "8724958");
  EXPECT_EQ(at(r, "steps"), "30");
  EXPECT_EQ(at(r, "cfg"), "7");
  EXPECT_EQ(at(r, "width"), "896");
  EXPECT_EQ(at(r, "height"), "1152");
  EXPECT_EQ(at(r, "loras"), "ink:0.5");
  EXPECT_THAT(r.notes,
              ElementsAre("sampler dpmpp_2m_sde_gpu is not one of ours", "scheduler karras is not one of ours",
                          "adm_guidance: (1.5, 0.8, 0.3) has no counterpart", "sharpness: 2.0 has no counterpart"));
  const Recollection text = recalled(
      "parameters",
      "1girl\nNegative prompt: blurry\nSteps: 30, Sampler: Euler, Seed: 5, Size: 896x1152, CFG scale: 4, Sharpness: 2, "
      "Scheduler: simple, Base Model: animaPencilXL, Metadata Scheme: a1111, Version: Fooocus v2.5.5");
  EXPECT_EQ(at(text, "schedule"), "simple");
  EXPECT_THAT(text.notes, ElementsAre("Sharpness: 2 has no counterpart"));
}

TEST(RecallInvokeAi, NewAndOld) {
  const Recollection r = recalled("invokeai_metadata", R"({"app_version": "5.6.0", "generation_mode": "txt2img",
      "positive_prompt": "1girl", "negative_prompt": "blurry", "width": 832, "height": 1216, "seed": 4059,
      "rand_device": "cpu", "cfg_scale": 5.5, "cfg_rescale_multiplier": 0.0, "steps": 25, "scheduler": "dpmpp_2m_k",
      "model": {"name": "newbie"}, "loras": [{"model": {"name": "ink", "type": "lora"}, "weight": 0.75}],
      "controlnets": [{"weight": 1}], "hrf_enabled": null, "clip_skip": 0})");
  EXPECT_EQ(r.source, "InvokeAI");
  EXPECT_EQ(at(r, "prompt"), "1girl");
  EXPECT_EQ(at(r, "negative_prompt"), "blurry");
  EXPECT_EQ(at(r, "width"), "832");
  EXPECT_EQ(at(r, "seed"), "4059");
  EXPECT_EQ(at(r, "sampler"), "dpmpp_2m");
  EXPECT_EQ(at(r, "loras"), "ink:0.75");
  EXPECT_THAT(r.notes, ElementsAre("scheduler Karras is not one of ours", HasSubstr("controlnets: [{\"weight\":1}]")));

  const Recollection old = recalled("sd-metadata", R"({"model": "stable diffusion", "model_weights": "sd-1.4",
      "app_version": "2.2.5", "image": {"prompt": [{"prompt": "1girl, smile [blurry, bad]", "weight": 1}], "steps": 50,
      "cfg_scale": 7.5, "height": 512, "width": 640, "seed": 123, "sampler": "k_euler_a", "type": "txt2img",
      "seamless": false, "hires_fix": true}})");
  EXPECT_EQ(at(old, "prompt"), "1girl, smile");
  EXPECT_EQ(at(old, "negative_prompt"), "blurry, bad");
  EXPECT_EQ(at(old, "sampler"), "euler_a");
  EXPECT_EQ(at(old, "width"), "640");
  EXPECT_THAT(old.notes, ElementsAre("hires_fix: true has no counterpart"));
}

TEST(RecallNovelAi, ReadsItsComment) {
  const std::vector<TextChunk> texts{
      {"Title", "NovelAI generated image"},
      {"Description", "{1girl}, smile"},
      {"Software", "NovelAI"},
      {"Comment", R"({"prompt": "{1girl}, smile", "steps": 28, "height": 1216, "width": 832, "scale": 5.0,
          "uncond_scale": 0.0, "cfg_rescale": 0.2, "seed": 3480461521, "n_samples": 1, "noise_schedule": "native",
          "sampler": "k_euler_ancestral", "uc": "lowres", "sm": true, "signed_hash": "x"})"}};
  const Recollection r = *recall(texts, "x.png");
  EXPECT_EQ(r.source, "NovelAI");
  EXPECT_EQ(at(r, "prompt"), "{1girl}, smile");
  EXPECT_EQ(at(r, "weights"), "true");
  EXPECT_EQ(at(r, "negative_prompt"), "lowres");
  EXPECT_EQ(at(r, "sampler"), "euler_a");
  EXPECT_EQ(at(r, "schedule"), "normal");
  EXPECT_EQ(at(r, "cfg"), "5");
  EXPECT_EQ(at(r, "rescale_cfg"), "0.2");
  EXPECT_THAT(r.notes, ElementsAre("sm: true has no counterpart"));

  const auto v4 = recall_text(R"({"prompt": "2girls", "uc": "", "steps": 28, "scale": 6, "v4_prompt": {"caption":
      {"base_caption": "2girls, park", "char_captions": [{"char_caption": "girl, red hair"}, {"char_caption":
      "1.3::blue hair::"}]}}})",
                              "n.json");
  ASSERT_TRUE(v4);
  EXPECT_EQ(at(*v4, "prompt"), "2girls, park, girl, red hair, 1.3::blue hair::");
  EXPECT_THAT(v4->notes, Contains(HasSubstr("1.2::text::")));
}

// One graph, of which tests change or add nodes.
std::string graph_of(const std::string& nodes) {
  return R"({"4": {"class_type": "UNETLoader", "inputs": {"unet_name": "NewBie.safetensors"}},
    "5": {"class_type": "EmptySD3LatentImage", "inputs": {"width": 128, "height": 192, "batch_size": 1}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "1girl, red_hair", "clip": ["8", 0]}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "blurry", "clip": ["8", 0]}},
    "8": {"class_type": "DualCLIPLoader", "inputs": {"clip_name1": "g", "clip_name2": "j", "type": "newbie"}},
    "9": {"class_type": "SaveImage", "inputs": {"images": ["10", 0], "filename_prefix": "a"}},
    "10": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["11", 0]}},
    "11": {"class_type": "VAELoader", "inputs": {"vae_name": "ae.safetensors"}},)" +
         nodes + "}";
}
std::string sampler(const std::string& links, const std::string& id = "3") {
  return '"' + id + R"(": {"class_type": "KSampler", "inputs": {"seed": 77, "steps": 9, "cfg": 5.5, "sampler_name":
      "res_multistep", "scheduler": "simple", "denoise": 1.0, "model": ["4", 0], )" +
         links + "}}";
}

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
  EXPECT_EQ(control.notes.size(), 2u);

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
  EXPECT_EQ(at(r, "loras"), "ink:0.5");
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
  EXPECT_EQ(at(*r, "strength"), "0.5");
  EXPECT_EQ(at(*r, "strength_rule"), "comfyui");
}

TEST(Recall, TextsByThemselves) {
  EXPECT_EQ(at(*recall_text("\xEF\xBB\xBF"
                            "1girl\r\nSteps: 9, Seed: 3\r\n",
                            "x.txt"),
               "seed"),
            "3");
  const std::string api =
      R"({"client_id": "x", "prompt": )" + graph_of(sampler(R"("positive": ["6", 0], "latent_image": ["5", 0])")) + "}";
  EXPECT_EQ(at(*recall_text(api, "x.json"), "seed"), "77");
  // A prompt of JSON form with settings behind it is a prompt.
  const std::string marked = "{ \"image\": {\"tags\": \"1girl\"}}\nSteps: 9, Seed: 3";
  EXPECT_EQ(at(*recall_text(marked, "x.txt"), "steps"), "9");
  EXPECT_EQ(at(recalled("parameters", marked), "seed"), "3");
  EXPECT_FALSE(recall_text(" \n", "x.txt"));
  EXPECT_FALSE(recall_text("[1]", "x.json"));
}

// Pictures of before the second pass had fields like the others.
TEST(Recall, OurFirstFormat) {
  const Recollection r = recalled("newbie", R"({"format":1,"prompt":"a","cfg_trunc":0.25,
      "hires":{"scale":1.5,"strength":0.5,"strength_rule":"comfyui","steps":3}})");
  EXPECT_EQ(at(r, "hires_scale"), "1.5");
  EXPECT_EQ(at(r, "hires_strength"), "0.5");
  EXPECT_EQ(at(r, "hires_steps"), "3");
  EXPECT_EQ(at(r, "strength_rule"), "comfyui");
  EXPECT_EQ(at(r, "cfg_trunc"), "0.25");
}

TEST(Recall, DamageIsAnErrorOrLittleSaid) {
  EXPECT_ERROR(recalled("newbie", "{"), ErrorKind::BadFile, "x.png");
  EXPECT_ERROR(recalled("newbie", "[]"), ErrorKind::BadFile, "expected an object");
  EXPECT_ERROR(recalled("newbie", R"({"format":3})"), ErrorKind::Unsupported, "format 3");
  EXPECT_ERROR(recalled("newbie", R"({"format":2,"sigmas":[1,"0"]})"), ErrorKind::BadFile, "sigmas");
  EXPECT_ERROR(recalled("parameters", R"({"what": 3})"), ErrorKind::Unsupported, "not known");
  EXPECT_ERROR(recalled("invokeai_metadata", "{"), ErrorKind::BadFile, "invokeai_metadata");
  EXPECT_FALSE(recall({}, "x.png"));
  // Shapes that are not what they should be, and rings.
  EXPECT_TRUE(
      recalled("newbie", R"({"format":1,"prompt":{},"seed":[],"parts":3,"hires":[],"sigmas":{}})").fields.empty());
  const std::string graph = graph_of(sampler(R"("positive": ["6", 0], "latent_image": ["5", 0])"));
  for (size_t cut = 0; cut < graph.size(); ++cut) EXPECT_THROW(recalled("prompt", graph.substr(0, cut)), Error);
  for (const char* odd :
       {"[]", "3", R"({"1":4})", R"({"1":{"class_type":"KSampler","inputs":[]}})",
        R"({"1":{"class_type":"KSampler","inputs":{"positive":["1",0]}}})",
        R"({"1":{"class_type":"KSampler","inputs":{"positive":["2",0],"latent_image":["1",0],"model":["1",0]}},
            "2":{"class_type":"ConditioningConcat","inputs":{"conditioning_to":["2",0],"conditioning_from":["2",0]}}})",
        R"({"1":{"class_type":"KSampler","inputs":{"positive":["2",0],"latent_image":["2",0]}},
            "2":{"class_type":"TextConcat","inputs":{"a":["2",0],"b":["2",0],"c":["2",0]}}})"})
    EXPECT_EQ(at(recalled("prompt", odd), "prompt"), "(not said)") << odd;
  for (const char* odd : {"[]", R"({"nodes":3})", R"({"nodes":[3,{"id":1,"inputs":[5]}],"links":[4,[]]})"})
    EXPECT_NO_THROW(recalled("workflow", odd)) << odd;
  for (const char* odd : {"{}", R"({"image":3})", R"({"image":{"prompt":3}})", R"({"loras":3,"scheduler":[]})"})
    for (const char* key : {"invokeai_metadata", "sd-metadata"}) EXPECT_NO_THROW(recall_if_any(key, odd)) << odd;
}

}  // namespace
}  // namespace newbie
