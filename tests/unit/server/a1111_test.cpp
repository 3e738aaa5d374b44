// What AUTOMATIC1111's clients send and need (../shared/server.md §3).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/files.h"
#include "image/picture_format.h"
#include "served.h"
#include "text/base64.h"
#include "unit/core/temporary_folder.h"

namespace newbie {
namespace {

using ::testing::HasSubstr;

const OrderedJson kLibreChat{{"prompt", "1girl"}, {"negative_prompt", "blurry"},
                             {"cfg_scale", 4.5},  {"steps", 2},
                             {"width", 64},       {"height", 64}};

TEST(A1111, TextToImage) {
  Served served;
  OrderedJson asked = kLibreChat;
  asked["seed"] = 7;
  asked["batch_size"] = 2;
  asked["sampler_name"] = "Euler a";
  asked["scheduler"] = "Karras";
  const HttpAnswer answer = served.post("/sdapi/v1/txt2img", asked, "Authorization: \r\n");
  ASSERT_EQ(answer.status, 200) << answer.body;
  const OrderedJson json = answer.json();
  ASSERT_EQ(json["images"].size(), 2u);
  EXPECT_THAT(json["images"][0].get<std::string>(), ::testing::StartsWith("iVBOR")) << "bare base64";
  EXPECT_EQ(json["parameters"], asked);
  ASSERT_TRUE(json["info"].is_string()) << "a JSON inside a text";
  const OrderedJson info = OrderedJson::parse(json["info"].get<std::string>());
  EXPECT_EQ(info["infotexts"].size(), 2u);
  EXPECT_EQ(info["seed"], 7);
  EXPECT_EQ(info["all_seeds"][1], 8);
  EXPECT_EQ(info["sampler_name"], "Euler a");
  EXPECT_EQ(info["notes"].size(), 1u) << "Karras is another schedule here";
  EXPECT_EQ(served.get("/v1/jobs/" + answer.headers.at("x-job-id")).json()["origin"], "a1111");
}

// All 47 fields of webuiapi 0.9.17, with its defaults.
TEST(A1111, NeutralValuesOfWhatWeLackPass) {
  Served served;
  OrderedJson asked = OrderedJson::parse(R"({
    "enable_hr": false, "hr_scale": 2, "hr_upscaler": "Latent", "hr_second_pass_steps": 0, "hr_resize_x": 0,
    "hr_resize_y": 0, "denoising_strength": 0.7, "firstphase_width": 0, "firstphase_height": 0, "prompt": "1girl",
    "styles": [], "seed": -1, "subseed": -1, "subseed_strength": 0.0, "seed_resize_from_h": 0, "seed_resize_from_w": 0,
    "batch_size": 1, "n_iter": 1, "steps": 2, "cfg_scale": 7.0, "width": 64, "height": 64, "restore_faces": false,
    "tiling": false, "do_not_save_samples": false, "do_not_save_grid": false, "negative_prompt": "", "eta": 1.0,
    "s_churn": 0, "s_tmax": 0, "s_tmin": 0, "s_noise": 1, "override_settings": {},
    "override_settings_restore_afterwards": true, "sampler_name": "Euler a", "scheduler": "automatic",
    "script_args": [], "script_name": null, "send_images": true, "save_images": false, "alwayson_scripts": {}})");
  EXPECT_EQ(served.post("/sdapi/v1/txt2img", asked).status, 200) << served.post("/sdapi/v1/txt2img", asked).body;
}

TEST(A1111, NullAsksForNothing) {
  Served served;
  OrderedJson asked = kLibreChat;
  for (const char* field : {"send_images", "styles", "sampler_name", "alwayson_scripts", "batch_size", "n_iter",
                            "override_settings", "denoising_strength", "script_args", "tiling", "hr_upscaler"})
    asked[field] = nullptr;
  const HttpAnswer answer = served.post("/sdapi/v1/txt2img", asked);
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.json()["images"].size(), 1u);
  EXPECT_EQ(served.engine->last_request().sampler, GenerateRequest().sampler);
}

TEST(A1111, WhatWouldBeAnotherPictureIsRefusedByName) {
  Served served;
  const std::pair<const char*, OrderedJson> cases[] = {{"restore_faces", true},
                                                       {"tiling", true},
                                                       {"styles", {"a"}},
                                                       {"subseed_strength", 0.5},
                                                       {"script_name", "x"},
                                                       {"alwayson_scripts", {{"controlnet", 1}}},
                                                       {"sampler_name", "Nobody's"},
                                                       {"no_such_field", 1},
                                                       {"steps", 0},
                                                       {"steps", "many"},
                                                       {"batch_size", 1.5},
                                                       {"n_iter", 0},
                                                       {"enable_hr", "maybe"},
                                                       {"override_settings", {{"sd_model_checkpoint", "another"}}},
                                                       {"width", 8}};
  for (const auto& [field, value] : cases) {
    OrderedJson asked = kLibreChat;
    asked[field] = value;
    const HttpAnswer answer = served.post("/sdapi/v1/txt2img", asked);
    EXPECT_GE(answer.status, 400) << field << answer.body;
    EXPECT_LT(answer.status, 500) << field;
    EXPECT_LT(answer.body.size(), 1000u);
    for (const char* member : {"error", "detail", "body", "errors"}) EXPECT_TRUE(answer.json().contains(member));
  }
}

OrderedJson notes_of(const HttpAnswer& answer) {
  EXPECT_EQ(answer.status, 200) << answer.body;
  return OrderedJson::parse(answer.json()["info"].get<std::string>())["notes"];
}

TEST(A1111, WhatIsNotHeededIsTold) {
  Served served;
  const std::pair<OrderedJson, const char*> cases[] = {
      {{{"override_settings", {{"CLIP_stop_at_last_layers", 2}}}}, "CLIP_stop_at_last_layers 2"},
      {{{"override_settings", {{"sd_vae", "x.safetensors"}}}}, "sd_vae \"x.safetensors\""},
      {{{"clip_skip", 2}}, "`clip_skip` 2"},
      {{{"seed_resize_from_w", 512}}, "`seed_resize_from_w` 512"},
      {{{"enable_hr", true}, {"hr_upscaler", "Latent"}, {"hr_scale", 1.5}}, "`hr_upscaler` Latent"},
      {{{"enable_hr", true}, {"hr_cfg", 3}}, "`hr_cfg` 3"},
      {{{"sampler_name", "DPM++ 2M Karras"}}, "`scheduler` Karras"},
      {{{"sampler_name", "Euler a Karras"}, {"scheduler", "Automatic"}}, "`scheduler` Karras"},
      {{{"scheduler", "karras"}}, "`scheduler` karras"},
      {{{"cfg_scale", 1}}, "`negative_prompt` does nothing with `cfg_scale` 1"},
      {{{"prompt", ""}}, "`prompt` is empty"},
      {{{"model", "sdxl"}}, "`model` sdxl"},
      {{{"save_images", true}}, "`save_images` true"}};
  for (const auto& [said, part] : cases) {
    OrderedJson asked = kLibreChat;
    asked.update(said);
    const OrderedJson notes = notes_of(served.post("/sdapi/v1/txt2img", asked));
    ASSERT_EQ(notes.size(), 1u) << said << notes;
    EXPECT_THAT(notes[0].get<std::string>(), HasSubstr(part));
  }
  OrderedJson usual = kLibreChat;
  usual.update({{"override_settings", {{"sd_model_checkpoint", "avatar"}, {"CLIP_stop_at_last_layers", 1}}},
                {"clip_skip", 1},
                {"hr_upscaler", "Latent"},
                {"hr_cfg", 3},
                {"sampler_name", "Euler Simple"}});
  EXPECT_EQ(notes_of(served.post("/sdapi/v1/txt2img", usual)), OrderedJson::array());
  EXPECT_EQ(served.engine->last_request().schedule, "simple");
}

TEST(A1111, TakesValuesAsPydanticDoes) {
  Served served;
  OrderedJson asked = kLibreChat;
  asked.update({{"steps", "2"},
                {"width", "64"},
                {"height", 64.0},
                {"cfg_scale", "7"},
                {"seed", 7.0},
                {"batch_size", "1"},
                {"alwayson_scripts", OrderedJson::array()},
                {"override_settings", OrderedJson::array()},
                {"styles", {""}},
                {"mask", ""},
                {"restore_faces", "False"},
                {"enable_hr", "true"},
                {"hr_scale", "1.5"}});
  HttpAnswer answer = served.post("/sdapi/v1/txt2img", asked);
  ASSERT_EQ(answer.status, 200) << answer.body;
  const GenerateRequest drawn = served.engine->last_request();
  EXPECT_EQ(drawn.steps, 2);
  EXPECT_EQ(drawn.width, 64);
  EXPECT_EQ(drawn.height, 64);
  EXPECT_EQ(drawn.cfg, 7);
  EXPECT_EQ(drawn.seed, 7u);
  EXPECT_EQ(drawn.hires_scale, 1.5);
  asked["send_images"] = "false";
  EXPECT_TRUE(served.post("/sdapi/v1/txt2img", asked).json()["images"].empty());
  for (const auto& [field, value] : {std::pair("steps", "2.5"), std::pair("steps", ""), std::pair("width", "wide"),
                                     std::pair("cfg_scale", "inf"), std::pair("send_images", "perhaps")}) {
    OrderedJson wrong = kLibreChat;
    wrong[field] = value;
    answer = served.post("/sdapi/v1/txt2img", wrong);
    EXPECT_EQ(answer.status, 422) << field << value;
    EXPECT_THAT(answer.json()["detail"].get<std::string>(), ::testing::StartsWith(std::string(field) + ": "));
  }
}

TEST(A1111, ErrorsNameTheClientsFields) {
  Served served;
  const std::pair<const char*, OrderedJson> cases[] = {{"cfg_scale", 1000},   {"batch_size", 0},  {"n_iter", 0},
                                                       {"sampler_name", "x"}, {"scheduler", "x"}, {"send_images", "x"},
                                                       {"enable_hr", "x"}};
  for (const auto& [field, value] : cases) {
    OrderedJson asked = kLibreChat;
    asked[field] = value;
    const HttpAnswer answer = served.post("/sdapi/v1/txt2img", asked);
    EXPECT_EQ(answer.status, 422) << field;
    EXPECT_THAT(answer.json()["detail"].get<std::string>(), ::testing::StartsWith(std::string(field) + ": "));
  }
}

TEST(A1111, PicturesAsClientsWriteThem) {
  Served served;
  Image given = MadeUpEngine::picture(3);
  uint32_t state = 1;  // of noise: no file of it lacks the two digits that base64url writes otherwise
  for (uint8_t& value : given.pixels) value = static_cast<uint8_t>((state = state * 1664525 + 1013904223) >> 24);
  const std::string plain = encode_base64(encode_picture(PictureFormat::Png, given, {}, 0));
  std::string url = plain;
  std::ranges::replace(url, '+', '-');
  std::ranges::replace(url, '/', '_');
  ASSERT_NE(url, plain);
  for (const std::string& picture : {"data:image/png;base64, " + plain, "DATA:image/png;BASE64," + plain, url}) {
    OrderedJson asked = kLibreChat;
    asked["init_images"] = {picture};
    EXPECT_EQ(served.post("/sdapi/v1/img2img", asked).status, 200) << picture.substr(0, 30);
    EXPECT_EQ(served.engine->last_request().init_image, given);
  }
}

// How a picture and its mask are used.
struct Use {
  InitFit fit;
  bool invert, only_masked;
  double blur;
  int padding;
  bool operator==(const Use&) const = default;
};
Use last_use(Served& served) {
  const GenerateRequest r = served.engine->last_request();
  return {r.init_fit, r.mask_invert, r.only_masked, r.mask_blur, r.mask_padding};
}

TEST(A1111, ImageToImage) {
  Served served;
  const std::string picture = encode_base64(encode_picture(PictureFormat::Png, MadeUpEngine::picture(3), {}, 0));
  OrderedJson asked = kLibreChat;
  asked["init_images"] = {"data:image/png;base64," + picture};
  asked["mask"] = picture;
  asked["mask_blur"] = 4;
  asked["inpainting_mask_invert"] = 1;
  asked["denoising_strength"] = 0.6;
  asked["resize_mode"] = 0;
  const HttpAnswer answer = served.post("/sdapi/v1/img2img", asked);
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_TRUE(answer.json()["parameters"]["init_images"].is_null());
  const int padding = GenerateRequest().mask_padding;
  EXPECT_EQ(last_use(served), (Use{InitFit::Stretch, true, false, 4, padding}));

  asked.erase("mask_blur");
  asked.update({{"resize_mode", 2},
                {"inpainting_mask_invert", 0},
                {"inpaint_full_res", true},
                {"inpaint_full_res_padding", 8},
                {"mask_blur_x", 2},
                {"mask_blur_y", 2},
                {"inpainting_fill", 0}});
  const HttpAnswer masked = served.post("/sdapi/v1/img2img", asked);
  ASSERT_EQ(masked.status, 200) << masked.body;
  EXPECT_EQ(last_use(served), (Use{InitFit::Pad, false, true, 2, 8}));
  EXPECT_THAT(masked.json()["info"].get<std::string>(), HasSubstr("`inpainting_fill` 0"));
  for (const auto& [name, value] : {std::pair{"mask_blur_y", 3}, std::pair{"resize_mode", 3}}) {
    OrderedJson wrong = asked;
    wrong[name] = value;
    EXPECT_EQ(served.post("/sdapi/v1/img2img", wrong).status, 422) << name;
  }
  OrderedJson unmasked = asked;  // what is said of a mask that is not there
  unmasked.erase("mask");
  EXPECT_EQ(served.post("/sdapi/v1/img2img", unmasked).status, 200);
  EXPECT_EQ(last_use(served), (Use{InitFit::Pad, false, false, 0, padding}));

  asked["init_images"] = {"http://127.0.0.1/a.png"};
  EXPECT_EQ(served.post("/sdapi/v1/img2img", asked).status, 422);
  asked["init_images"] = OrderedJson::array();
  EXPECT_EQ(served.post("/sdapi/v1/img2img", asked).status, 422);
}

TEST(A1111, ProgressAndInterrupt) {
  Served served;
  OrderedJson progress = served.get("/sdapi/v1/progress").json();
  EXPECT_EQ(progress["state"]["job_count"], 0);
  EXPECT_EQ(progress["progress"], 0);
  served.engine->hold();
  const std::string other = served.post("/v1/jobs", {{"prompt", "other"}, {"steps", 2}}).json()["id"];
  served.engine->wait_for_started(1);
  RawClient client(served.http.port());
  OrderedJson asked = kLibreChat;
  asked["steps"] = 4;
  client.send(http_request("POST", "/sdapi/v1/txt2img", asked.dump()));
  while (served.get("/sdapi/v1/progress").json()["state"]["job_count"] == 0) std::this_thread::yield();
  served.engine->allow(2 + 2);  // the other job, and half of this one
  while ((progress = served.get("/sdapi/v1/progress").json())["state"]["sampling_step"] != 2) std::this_thread::yield();
  EXPECT_GT(progress["progress"], 0.4);
  EXPECT_TRUE(progress["current_image"].is_string());
  EXPECT_TRUE(served.get("/sdapi/v1/progress?skip_current_image=true").json()["current_image"].is_null());
  EXPECT_EQ(served.post("/sdapi/v1/interrupt", {}).body, "{}\n");
  EXPECT_EQ(parse_answer(client.read_all()).status, 200);
  EXPECT_EQ(served.wait_for_end(other)["state"], "done") << "interrupt is for this interface's jobs";
}

TEST(A1111, InterruptIsForTheJobsOfOnesOwnKey) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "keys", std::string("anna: 0123456789abcdef\nbot: fedcba9876543210\n"));
  Served::Options options;
  options.keys = ApiKeys::read(folder / "keys");
  Served served(std::move(options));
  const std::string anna = "Authorization: Bearer 0123456789abcdef\r\n",
                    bot = "Authorization: Bearer fedcba9876543210\r\n";
  served.engine->hold();
  RawClient client(served.http.port());
  client.send(http_request("POST", "/sdapi/v1/txt2img", kLibreChat.dump(), anna));
  served.engine->wait_for_started(1);
  EXPECT_EQ(served.get("/sdapi/v1/progress", bot).json()["state"]["job_count"], 0);
  for (const char* way : {"interrupt", "skip"})
    EXPECT_EQ(served.post(std::string("/sdapi/v1/") + way, {}, bot).status, 200);
  const OrderedJson state = served.get("/sdapi/v1/progress", anna).json()["state"];
  EXPECT_EQ(state["job_count"], 1);
  EXPECT_EQ(state["interrupted"], false);
  served.engine->release();
  const HttpAnswer answer = parse_answer(client.read_all());
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.json()["images"].size(), 1u);
}

TEST(A1111, ListsKeepClientsGoing) {
  Served served;
  EXPECT_EQ(served.get("/sdapi/v1/options").json()["sd_model_checkpoint"], "avatar");
  EXPECT_EQ(served.get("/sdapi/v1/sd-models").json()[0]["title"], "avatar");
  EXPECT_EQ(served.post("/sdapi/v1/options", served.get("/sdapi/v1/options").json()).status, 200)
      << "all of them come back";
  EXPECT_EQ(served.post("/sdapi/v1/options", {{"sd_model_checkpoint", "another"}}).status, 422);
  for (const char* list : {"samplers", "schedulers", "upscalers"}) {
    const OrderedJson json = served.get(std::string("/sdapi/v1/") + list).json();
    ASSERT_FALSE(json.empty()) << list;
    EXPECT_TRUE(json[0]["name"].is_string());
  }
  for (const char* list : {"sd-vae", "sd-modules", "loras", "latent-upscale-modes", "prompt-styles", "hypernetworks",
                           "face-restorers", "script-info"})
    EXPECT_EQ(served.get(std::string("/sdapi/v1/") + list).body, "[]\n") << list;
  EXPECT_EQ(served.get("/sdapi/v1/scripts").body, "{\"txt2img\":[],\"img2img\":[]}\n");
  for (const char* address : {"/sdapi/v1/embeddings", "/sdapi/v1/cmd-flags", "/sdapi/v1/memory", "/internal/ping"})
    EXPECT_EQ(served.get(address).status, 200) << address;
  EXPECT_EQ(served.ask("HEAD", "/").status, 200);
}

TEST(A1111, WhatIsNotThereIsSaidInTheirWords) {
  Served served;
  for (const char* path : {"refresh-loras", "refresh-vae"})
    EXPECT_EQ(served.post(std::string("/sdapi/v1/") + path, {}).body, "{}\n") << path;
  const std::pair<const char*, int> cases[] = {{"unload-checkpoint", 422},
                                               {"reload-checkpoint", 422},
                                               {"extra-single-image", 422},
                                               {"extra-batch-images", 422},
                                               {"nothing-of-theirs", 404}};
  for (const auto& [path, status] : cases) {
    const HttpAnswer answer = served.post(std::string("/sdapi/v1/") + path, {});
    EXPECT_EQ(answer.status, status) << path;
    EXPECT_TRUE(answer.json()["error"].is_string() && answer.json()["detail"].is_string()) << answer.body;
  }
  EXPECT_EQ(served.ask("PUT", "/sdapi/v1/options").status, 405);
  EXPECT_TRUE(served.ask("PUT", "/sdapi/v1/options").json()["detail"].is_string());
  const HttpAnswer foreign = served.post("/sdapi/v1/txt2img", kLibreChat, "Origin: https://evil.example\r\n");
  EXPECT_EQ(foreign.status, 403);
  EXPECT_TRUE(foreign.json()["detail"].is_string());
}

TEST(A1111, LoraStandInPromptsAndAreListed) {
  Served served;
  const TemporaryFolder folder;
  write_file_atomically(folder / "style.safetensors", std::string("it"));
  served.server.model().adapters = {.folder = folder.path(), .only_there = true};
  const OrderedJson list = served.get("/sdapi/v1/loras").json();
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0]["name"], "style");
  EXPECT_EQ(list[0]["path"], "style.safetensors") << "no path of this machine";
  EXPECT_EQ(served.get("/v1/capabilities").json()["loras"], OrderedJson::array({"style"}));
  OrderedJson asked = kLibreChat;
  asked["prompt"] = "1girl, <lora:style:0.8>, smile";
  EXPECT_EQ(served.post("/sdapi/v1/txt2img", asked).status, 200);
  EXPECT_EQ(served.engine->started().back(), "1girl, smile");
  asked["prompt"] = "1girl <lora:style:much>";
  EXPECT_EQ(served.post("/sdapi/v1/txt2img", asked).status, 422);
}

TEST(A1111, FieldsOfOursStandBesideTheirs) {
  Served served;
  OrderedJson asked = kLibreChat;
  asked["shift"] = 3;
  asked["seed"] = "18446744073709551615";
  const HttpAnswer answer = served.post("/sdapi/v1/txt2img", asked);
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(OrderedJson::parse(answer.json()["info"].get<std::string>())["seed"], "18446744073709551615");
  asked["shift"] = -3;
  EXPECT_EQ(served.post("/sdapi/v1/txt2img", asked).status, 422);
}

TEST(A1111, WhatTheEndOfTheServerStopsIsWorthAskingForAgain) {
  Served served;
  served.engine->hold();
  RawClient client(served.http.port());
  client.send(http_request("POST", "/sdapi/v1/txt2img", kLibreChat.dump()));
  served.engine->wait_for_started(1);
  served.server.jobs().cancel_all(CancelReason::Shutdown);
  const HttpAnswer answer = parse_answer(client.read_all());
  EXPECT_EQ(answer.status, 503);
  EXPECT_TRUE(answer.headers.contains("retry-after"));
}

TEST(A1111, PngInfo) {
  Served served;
  const TextChunk texts[] = {{"parameters", "1girl\nSteps: 5"}};
  const std::string picture = encode_base64(encode_picture(PictureFormat::Png, MadeUpEngine::picture(1), texts, 0));
  EXPECT_EQ(served.post("/sdapi/v1/png-info", {{"image", picture}}).json()["info"], "1girl\nSteps: 5");
  EXPECT_EQ(served.post("/sdapi/v1/png-info", {{"image", "x"}}).status, 422);
}

}  // namespace
}  // namespace newbie
