// Requests read back from what other programs write, each in its own form. What cannot be taken over is told.
#include "generate/recall.h"

#include <gmock/gmock.h>

#include "unit/core/expect_error.h"
#include "unit/generate/recalled.h"

namespace newbie {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

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

// A picture without a prompt is refused by who draws: an empty one would be another picture.
TEST(Recall, APromptOfBlanksIsNone) {
  const auto has_prompt = [](const Recollection& r) { return r.find("prompt") != nullptr; };
  EXPECT_FALSE(has_prompt(recalled("parameters", " \n\t\nNegative prompt: bad\nSteps: 9, Sampler: Euler, Seed: 1")));
  const Recollection fooocus =
      recalled("parameters", R"({"prompt": " ", "seed": 7, "base_model": "m", "full_prompt": [], "steps": 30})");
  EXPECT_FALSE(has_prompt(fooocus));
  EXPECT_EQ(at(fooocus, "seed"), "7");
  const Recollection tags =
      recalled("parameters", R"({"sui_image_params": {"prompt": "<comment:nothing>", "seed": 3}})");
  EXPECT_FALSE(has_prompt(tags));
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

TEST(RecallA1111, SyntaxThatIsMoreThanWordsIsTold) {
  const auto of_prompt = [](const std::string& prompt) {
    return recalled("parameters", prompt + "\nSteps: 9, Sampler: Euler");
  };
  const Recollection changing = of_prompt("1girl, [smile:crying:0.5], [cat|dog] ears, [hat::0.5], (x:1.2)");
  EXPECT_EQ(at(changing, "prompt"), "1girl, \\[smile:crying:0.5\\], \\[cat|dog\\] ears, \\[hat::0.5\\], (x:1.2)");
  EXPECT_THAT(changing.notes, ElementsAre(HasSubstr("[smile:crying:0.5] changes"), HasSubstr("[cat|dog] changes"),
                                          HasSubstr("[hat::0.5] changes")));
  EXPECT_THAT(of_prompt("1girl AND red hair :1.3").notes, ElementsAre(HasSubstr("AND composes several prompts")));
  EXPECT_THAT(of_prompt("SAND, aANDb, @__@, a_b").notes, IsEmpty());
  EXPECT_THAT(of_prompt("1girl, __hair/colour__").notes, ElementsAre(HasSubstr("__hair/colour__ is a wildcard")));
  EXPECT_THAT(of_prompt("{red|blue} hair").notes, ElementsAre(HasSubstr("{red|blue} is a choice")));
}

// The first strength is the text encoder's there.
TEST(RecallA1111, TagsOfAdapters) {
  const auto of_prompt = [](const std::string& prompt) {
    return recalled("parameters", prompt + "\nSteps: 9, Sampler: Euler");
  };
  const Recollection two = of_prompt("1girl, <lora:sty:0.8:0.3>, smile");
  EXPECT_EQ(at(two, "prompt"), "1girl, smile");
  EXPECT_EQ(at(two, "loras"), "sty:0.3,text_encoder=0.8");
  EXPECT_EQ(at(of_prompt("1girl, <lora:sty:0.8>"), "prompt"), "1girl, <lora:sty:0.8>");  // as ours
  EXPECT_EQ(at(of_prompt("1girl <lyco:sty:0.7>"), "loras"), "sty:0.7");
  EXPECT_EQ(at(of_prompt("<lora:sty:te=0.5:unet=1>"), "loras"), "sty:1,text_encoder=0.5");
  EXPECT_EQ(at(of_prompt("(a:1.2) <lora:sty (v2):0.7>"), "loras"), "sty (v2):0.7");
  EXPECT_THAT(of_prompt("a <lora:sty:1:1:lbw=MIDD>").notes, ElementsAre("<lora:sty>: lbw=MIDD has no counterpart"));
}

TEST(RecallA1111, ASecondPassThatCannotBeDrawnIsNoStartingPicture) {
  const Recollection r = recalled("parameters",
                                  "a\nSteps: 4, Size: 64x64, Denoising strength: 0.4, Hires resize: 128x96, Hires "
                                  "upscaler: Latent, Hires steps: 3");
  EXPECT_EQ(at(r, "strength"), "(not said)");
  EXPECT_EQ(at(r, "hires_steps"), "(not said)");
  EXPECT_THAT(r.notes,
              ElementsAre("Hires resize: 128x96 has no counterpart", "Hires upscaler: Latent has no counterpart",
                          HasSubstr("the second pass is not drawn")));
}

TEST(RecallA1111, AdaptersThatASiteHadAreTold) {
  const Recollection r = recalled("parameters",
                                  "a\nSteps: 4, Civitai resources: [{\"type\":\"checkpoint\",\"modelVersionId\":1},"
                                  "{\"type\":\"lora\",\"weight\":0.8,\"modelName\":\"Ink\",\"modelVersionId\":2}]");
  EXPECT_THAT(r.notes, ElementsAre("Civitai resources: lora Ink:0.8 has no counterpart"));
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

TEST(RecallSwarmUi, TagsOfPrompts) {
  const auto of_prompt = [](const std::string& prompt) {
    return recalled("parameters", R"({"sui_image_params": {"prompt": ")" + prompt + R"("}})");
  };
  const Recollection parts = of_prompt("1girl, smile <segment:face,0.6> detailed eyes <base>, hat<refiner>x");
  EXPECT_EQ(at(parts, "prompt"), "1girl, smile , hat");
  EXPECT_THAT(parts.notes, ElementsAre(HasSubstr("<segment:face,0.6> detailed eyes is not drawn"),
                                       HasSubstr("<refiner>x is not drawn")));
  EXPECT_THAT(
      of_prompt("a <random:red,blue> b <wildcard:hair> <alternate:c,d>").notes,
      ElementsAre(HasSubstr("<random:red,blue> is a tag"), HasSubstr("<wildcard:hair>"), HasSubstr("<alternate:c,d>")));
  EXPECT_THAT(of_prompt("a<break>b<comment:no>").notes, ElementsAre(HasSubstr("<break> parts the prompt")));
  EXPECT_EQ(at(of_prompt("a<break>b<comment:no>"), "prompt"), "a b");
  EXPECT_EQ(at(of_prompt("<general_tags>1girl</general_tags>"), "prompt"), "<general_tags>1girl</general_tags>");
  EXPECT_EQ(at(of_prompt("a, (b:1.3), [c]"), "prompt"), "a, (b:1.3), \\[c\\]");
}

TEST(RecallSwarmUi, ARefinerWithoutAFactorIsAPassOfTheSameSize) {
  const Recollection pass = recalled("parameters", R"({"sui_image_params": {"prompt": "a", "refinermethod": "PostApply",
      "refinercontrolpercentage": 0.3, "refinermodel": "z"}})");
  EXPECT_EQ(at(pass, "hires_scale"), "1");
  EXPECT_EQ(at(pass, "hires_strength"), "0.3");
  EXPECT_THAT(pass.notes, ElementsAre("refinermodel: z has no counterpart"));
  const Recollection swap = recalled("parameters", R"({"sui_image_params": {"prompt": "a", "refinermethod": "StepSwap",
      "refinercontrolpercentage": 0.3}})");
  EXPECT_EQ(at(swap, "hires_strength"), "(not said)");
  EXPECT_THAT(swap.notes, ElementsAre(HasSubstr("refinermethod: StepSwap"), HasSubstr("refinercontrolpercentage")));
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
  EXPECT_THAT(r.notes, ElementsAre("sampler dpmpp_2m_sde_gpu is not one of ours", "scheduler karras is not one of ours",
                                   "adm_guidance: (1.5, 0.8, 0.3) has no counterpart",
                                   "clip_skip: 2 has no counterpart", "sharpness: 2.0 has no counterpart"));
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

// Values of another type than their program writes today are read where they can be, and told where not.
TEST(RecallJson, ValuesOfOtherTypesAreNotLost) {
  const Recollection swarm = recalled("parameters", R"({"sui_image_params": {"prompt": "a", "loras": "ink,wash",
      "width": "128", "height": "192", "steps": [9]}})");
  EXPECT_EQ(at(swarm, "width"), "128");
  EXPECT_EQ(at(swarm, "height"), "192");
  EXPECT_THAT(swarm.notes,
              testing::UnorderedElementsAre("loras: ink,wash has no counterpart", "steps: [9] has no counterpart"));
  const Recollection half =
      recalled("parameters", R"({"sui_image_params": {"prompt": "a", "width": 128, "height": "tall"}})");
  EXPECT_THAT(half.notes, ElementsAre("height: tall has no counterpart", "size 128x0: expected both sides"));

  const Recollection invoke = recalled("invokeai_metadata", R"({"positive_prompt": "a", "cfg_scale": [4, 3], "loras":
      [{"model": {"name": "ink"}, "weight": "0.5"}, {"model": {"key": "1"}}, "wash"]})");
  EXPECT_EQ(at(invoke, "loras"), "ink:0.5");
  EXPECT_THAT(invoke.notes, testing::UnorderedElementsAre("cfg_scale: [4,3] has no counterpart",
                                                          R"(loras: {"model":{"key":"1"}} has no counterpart)",
                                                          "loras: wash has no counterpart"));

  const Recollection fooocus = recalled("parameters", R"({"prompt": "a", "metadata_scheme": "fooocus", "loras":
      [["ink", "0.5", "h"], ["wash"]], "lora_combined_1": "paper"})");
  EXPECT_EQ(at(fooocus, "loras"), "ink:0.5");
  EXPECT_THAT(fooocus.notes, testing::UnorderedElementsAre(R"(loras: ["wash"] has no counterpart)",
                                                           "lora_combined_1: paper has no counterpart"));
}

TEST(RecallInvokeAi, WhatItDidBesideThePromptIsTold) {
  const Recollection r = recalled("invokeai_metadata", R"json({"generation_mode": "sdxl_txt2img", "positive_prompt":
      "1girl, hair++, (smile)1.4", "positive_style_prompt": "film", "clip_skip": 2, "rand_device": "cuda", "model":
      {"name": "x", "base": "sdxl"}})json");
  EXPECT_EQ(at(r, "prompt"), "1girl, (hair:1.21), (smile:1.4)");
  EXPECT_EQ(at(r, "weights"), "true");
  EXPECT_THAT(r.notes,
              testing::UnorderedElementsAre("positive_style_prompt: film has no counterpart",
                                            "rand_device: cuda has no counterpart", "clip_skip: 2 has no counterpart"));
  const Recollection blended = recalled("invokeai_metadata", R"json({"generation_mode": "txt2img", "positive_prompt":
      "(\"a\", \"b+\").blend(0.5, 0.5)"})json");
  EXPECT_EQ(at(blended, "prompt"), "(\"a\", \"b+\").blend(0.5, 0.5)");
  EXPECT_THAT(blended.notes, ElementsAre(HasSubstr(".blend( composes several prompts")));
  // Models that its library does not read for have letters.
  EXPECT_EQ(
      at(recalled("invokeai_metadata", R"json({"generation_mode": "flux_txt2img", "positive_prompt": "c++", "model":
      {"base": "flux"}})json"),
         "prompt"),
      "c++");
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
  EXPECT_EQ(at(r, "prompt"), "(1girl:1.05), smile");
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
  EXPECT_EQ(at(*v4, "prompt"), "2girls, park, girl, red hair, (blue hair:1.3)");
  EXPECT_EQ(at(*v4, "weights"), "true");
  EXPECT_THAT(v4->notes, IsEmpty());
  EXPECT_THAT(recall_text(R"({"prompt": "a", "uc": "", "v4_prompt": {"caption": {"base_caption": "1girl"}, "use_coords":
      true}})",
                          "n.json")
                  ->notes,
              ElementsAre(HasSubstr("where characters stand")));
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
