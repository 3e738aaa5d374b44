// What OpenAI's clients send and need (../shared/server.md §3), and what becomes of a client that leaves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "image/picture_format.h"
#include "served.h"
#include "text/base64.h"

namespace newbie {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const OrderedJson kAsked{{"model", "gpt-image-1"},
                         {"prompt", "1girl"},
                         {"n", 2},
                         {"size", "64x48"},
                         {"quality", "auto"},
                         {"moderation", "low"},
                         {"background", "auto"},
                         {"output_format", "png"},
                         {"user", "u"},
                         {"steps", 2},
                         {"seed", 7},
                         {"cfg_scale", 3.5},
                         {"negative_prompt", "blurry"}};

Image decoded(const std::string& base64) {
  const std::string bytes = decode_base64(base64).value();
  return decode_picture(std::as_bytes(std::span(bytes)), "it").image;
}

TEST(OpenAi, Generations) {
  Served served;
  const HttpAnswer answer = served.post("/v1/images/generations?api-version=1", kAsked, "Authorization: Bearer\r\n");
  ASSERT_EQ(answer.status, 200) << answer.body;
  const OrderedJson json = answer.json();
  EXPECT_EQ(json["model"], "avatar") << "another name is accepted, and the used one is told";
  EXPECT_TRUE(json["created"].is_number_integer());
  ASSERT_EQ(json["data"].size(), 2u);
  EXPECT_EQ(decoded(json["data"][0]["b64_json"]), MadeUpEngine::picture(7));
  EXPECT_EQ(json["data"][1]["seed"], 8);
  EXPECT_EQ(json["usage"]["total_tokens"],
            json["usage"]["input_tokens"].get<int>() + json["usage"]["output_tokens"].get<int>());
  EXPECT_EQ(answer.headers.at("x-request-id"), answer.headers.at("x-job-id"));
  EXPECT_EQ(served.get("/v1/jobs/" + answer.headers.at("x-job-id")).json()["origin"], "openai");
}

TEST(OpenAi, NoSizeIsTheModelsOwn) {
  Served served;
  OrderedJson asked = kAsked;
  for (const bool is_said : {true, false}) {
    if (is_said)
      asked["size"] = "auto";
    else
      asked.erase("size");
    EXPECT_EQ(served.post("/v1/images/generations", asked).status, 200);
    const GenerateRequest drawn = served.engine->last_request();
    EXPECT_EQ(drawn.width, 0) << "no other program's default";
    EXPECT_EQ(drawn.height, 0);
  }
  asked["size"] = "64x48";
  EXPECT_EQ(served.post("/v1/images/generations", asked).status, 200);
  EXPECT_EQ(served.engine->last_request().width, 64);
  EXPECT_EQ(served.engine->last_request().height, 48);
}

TEST(OpenAi, NullAsksForNothing) {
  Served served;
  OrderedJson asked = kAsked;
  asked["n"] = 1;
  for (const char* field : {"seed", "size", "response_format", "output_format", "output_compression", "stream",
                            "partial_images", "background", "quality", "style", "cfg_scale"})
    asked[field] = nullptr;
  std::set<uint64_t> seeds;
  for (int i = 0; i < 3; ++i) {
    const HttpAnswer answer = served.post("/v1/images/generations", asked);
    ASSERT_EQ(answer.status, 200) << answer.body;
    seeds.insert(answer.json()["data"][0]["seed"].get<uint64_t>());
  }
  EXPECT_GT(seeds.size(), 1u) << "without a seed every picture is another";
  EXPECT_EQ(served.engine->last_request().cfg, GenerateRequest().cfg);
  EXPECT_EQ(served.engine->last_request().steps, 2);
}

TEST(OpenAi, UrlsAreDataUrls) {
  Served served;
  OrderedJson asked = kAsked;
  asked["response_format"] = "url";
  EXPECT_THAT(served.post("/v1/images/generations", asked).json()["data"][0]["url"].get<std::string>(),
              HasSubstr("data:image/png;base64,iVBOR"));
}

TEST(OpenAi, ErrorsAreObjectsNamingTheField) {
  Served served;
  const std::pair<const char*, OrderedJson> cases[] = {{"n", 0},
                                                       {"n", "two"},
                                                       {"size", "64"},
                                                       {"size", "64x"},
                                                       {"size", "axb"},
                                                       {"size", 64},
                                                       {"background", "transparent"},
                                                       {"response_format", "text"},
                                                       {"output_format", "gif"},
                                                       {"output_compression", 101},
                                                       {"stream", "maybe"},
                                                       {"partial_images", 4},
                                                       {"unknown_field", 1},
                                                       {"steps", -1},
                                                       {"quality", "much"},
                                                       {"prompt", ""},
                                                       {"prompt", "  "},
                                                       {"prompt", nullptr}};
  for (const auto& [field, value] : cases) {
    OrderedJson asked = kAsked;
    asked[field] = value;
    const HttpAnswer answer = served.post("/v1/images/generations", asked);
    EXPECT_EQ(answer.status, 400) << field;
    const OrderedJson error = answer.json()["error"];
    EXPECT_EQ(error["type"], "invalid_request_error");
    EXPECT_TRUE(error["message"].is_string() && error.contains("code"));
    EXPECT_EQ(error["param"], field) << answer.body;
    EXPECT_THAT(error["message"].get<std::string>(), ::testing::StartsWith(std::string(field) + ": "));
  }
}

TEST(OpenAi, WhatIsNotHeededIsTold) {
  Served served;
  const std::pair<OrderedJson, const char*> cases[] = {{{{"strength", 0.3}}, "`strength` does nothing"},
                                                       {{{"mask_blur", 4}}, "`mask_blur` does nothing"},
                                                       {{{"cfg_scale", 1}}, "`negative_prompt` does nothing"},
                                                       {{{"quality", "hd"}}, "`quality` hd"},
                                                       {{{"style", "vivid"}}, "`style` changes nothing"}};
  for (const auto& [said, part] : cases) {
    OrderedJson asked = kAsked;
    asked.update(said);
    const HttpAnswer answer = served.post("/v1/images/generations", asked);
    ASSERT_EQ(answer.status, 200) << answer.body;
    const OrderedJson told = answer.json()["warnings"];
    ASSERT_EQ(told.size(), 1u) << told;
    EXPECT_THAT(told[0].get<std::string>(), HasSubstr(part));
    EXPECT_EQ(served.get("/v1/jobs/" + answer.headers.at("x-job-id")).json()["warnings"].size(), 1u);
  }
  EXPECT_EQ(served.post("/v1/images/generations", kAsked).json()["warnings"], OrderedJson::array());
}

TEST(OpenAi, QualityIsOurWordOrTheirs) {
  Served served;
  OrderedJson asked = kAsked;
  asked.erase("steps");
  for (const char* theirs : {"auto", "low", "medium", "high", "standard", "hd"}) {
    asked["quality"] = theirs;
    const HttpAnswer answer = served.post("/v1/images/generations", asked);
    ASSERT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(answer.json()["quality"], "auto");
    EXPECT_EQ(served.engine->last_request().steps, GenerateRequest().steps);
  }
  asked["quality"] = "draft";
  EXPECT_EQ(served.post("/v1/images/generations", asked).json()["quality"], "draft");
  EXPECT_EQ(served.engine->last_request().steps, 7);
}

TEST(OpenAi, NumbersAsOtherLanguagesWriteThem) {
  Served served;
  OrderedJson asked = kAsked;
  asked.update({{"n", 2.0}, {"steps", "2"}, {"cfg_scale", "3.5"}, {"stream", "False"}});
  const HttpAnswer answer = served.post("/v1/images/generations", asked);
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.json()["data"].size(), 2u);
  EXPECT_EQ(served.engine->last_request().cfg, 3.5);
}

TEST(OpenAi, StreamsPartialPicturesAndThenWholeOnes) {
  Served served;
  OrderedJson asked = kAsked;
  asked["n"] = 1;
  asked["steps"] = 8;
  asked["stream"] = true;
  asked["partial_images"] = 2;
  const HttpAnswer answer = served.post("/v1/images/generations", asked);
  EXPECT_EQ(answer.headers.at("content-type"), "text/event-stream; charset=utf-8");
  std::vector<OrderedJson> events;
  for (size_t at = answer.body.find("data: "); at != std::string::npos; at = answer.body.find("\ndata: ", at + 1)) {
    const size_t begin = answer.body.find('{', at);
    events.push_back(OrderedJson::parse(answer.body.substr(begin, answer.body.find('\n', begin) - begin)));
  }
  ASSERT_GE(events.size(), 1u);
  EXPECT_LE(events.size(), 3u);
  for (size_t i = 0; i + 1 < events.size(); ++i) {
    EXPECT_EQ(events[i]["type"], "image_generation.partial_image");
    EXPECT_EQ(events[i]["partial_image_index"], i);
    decoded(events[i]["b64_json"]);
  }
  EXPECT_EQ(events.back()["type"], "image_generation.completed");
  EXPECT_TRUE(events.back().contains("usage"));
  EXPECT_EQ(decoded(events.back()["b64_json"]), MadeUpEngine::picture(7));
}

TEST(OpenAi, AFailureIsAnErrorInAStreamToo) {
  Served served;
  served.engine->fails = true;
  EXPECT_EQ(served.post("/v1/images/generations", kAsked).status, 400);
  OrderedJson asked = kAsked;
  asked["stream"] = true;
  EXPECT_THAT(served.post("/v1/images/generations", asked).body, HasSubstr("data: {\"error\":{\"message\":"));
}

std::string form(const std::vector<std::pair<std::string, std::string>>& fields, const std::string& image,
                 const std::string& name = "image") {
  std::string out;
  for (const auto& [key, value] : fields)
    out += "--b\r\nContent-Disposition: form-data; name=\"" + key + "\"\r\n\r\n" + value + "\r\n";
  return out + "--b\r\nContent-Disposition: form-data; name=\"" + name +
         "\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n" + image + "\r\n--b--\r\n";
}

TEST(OpenAi, EditsAreForms) {
  Served served;
  const std::vector<std::byte> png = encode_picture(PictureFormat::Png, MadeUpEngine::picture(3), {}, 0);
  const std::string image(reinterpret_cast<const char*>(png.data()), png.size());
  const std::string type = "Content-Type: multipart/form-data; boundary=b\r\n";
  for (const char* name : {"image", "image[]"}) {
    const HttpAnswer answer = served.ask("POST", "/v1/images/edits",
                                         form({{"prompt", "1girl"},
                                               {"n", "1"},
                                               {"steps", "2"},
                                               {"seed", "7"},
                                               {"strength", "0.5"},
                                               {"model", "dall-e-2"}},
                                              image, name),
                                         type);
    ASSERT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(answer.json()["data"].size(), 1u);
  }
  const std::vector<std::pair<std::string, std::string>> habits[] = {{{"n", "1.0"}, {"stream", "False"}},
                                                                     {{"n", ""}, {"size", ""}, {"seed", ""}},
                                                                     {{"quality", "auto"}},
                                                                     {{"quality", "hd"}, {"steps", "2.0"}},
                                                                     {{"quality", "draft"}},
                                                                     {{"sigmas", "1,0.5,0"}}};
  for (std::vector<std::pair<std::string, std::string>> fields : habits) {
    fields.emplace_back("prompt", "1girl");
    const HttpAnswer answer = served.ask("POST", "/v1/images/edits", form(fields, image, "image[0]"), type);
    EXPECT_EQ(answer.status, 200) << answer.body;
  }
  const HttpAnswer streamed =
      served.ask("POST", "/v1/images/edits", form({{"prompt", "a"}, {"stream", "True"}}, image), type);
  EXPECT_EQ(streamed.headers.at("content-type"), "text/event-stream; charset=utf-8");
  EXPECT_EQ(served.ask("POST", "/v1/images/edits", form({{"prompt", "a"}, {"n", "one"}}, image), type).status, 400);
  EXPECT_EQ(
      served.ask("POST", "/v1/images/edits", form({{"prompt", "a"}}, "no picture"), type).json()["error"]["param"],
      "image");
  EXPECT_EQ(served.ask("POST", "/v1/images/edits", "{}", "Content-Type: application/json\r\n").status, 400);
}

TEST(OpenAi, Models) {
  Served served;
  const OrderedJson list = served.get("/v1/models").json();
  EXPECT_EQ(list["object"], "list");
  EXPECT_EQ(list["data"][0]["id"], "avatar");
  EXPECT_EQ(served.get("/v1/models/avatar").json()["object"], "model");
  EXPECT_EQ(served.get("/v1/models/gpt-4").status, 404);
}

TEST(OpenAi, AClientThatLeavesTakesItsJobAlong) {
  Served served;
  served.engine->hold();
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 6; ++i) {  // one draws, five wait
    OrderedJson asked = kAsked;
    asked["prompt"] = std::to_string(i);
    clients.push_back(std::make_unique<RawClient>(served.http.port()));
    clients.back()->send(http_request("POST", "/v1/images/generations", asked.dump()));
    while (served.get("/v1/jobs").json()["jobs"].size() < static_cast<size_t>(i) + 1) std::this_thread::yield();
  }
  served.engine->wait_for_started(1);
  clients.resize(1);  // those that wait leave first: the one that draws would make place for them
  while (served.server.jobs().counters().waiting > 0) std::this_thread::yield();
  clients.clear();
  while (true) {
    const ServiceCounters counters = served.server.jobs().counters();
    if (counters.waiting == 0 && counters.drawing == 0) break;
    std::this_thread::yield();
  }
  EXPECT_EQ(served.engine->started().size(), 1u) << "none of the five began";
  EXPECT_EQ(served.server.jobs().counters().left, 6u);
}

TEST(OpenAi, AClientThatLeavesWhileItSendsHasNoJob) {
  Served served;
  const std::string body = kAsked.dump(), whole = http_request("POST", "/v1/images/generations", body);
  for (const size_t missing : {size_t{1}, body.size() / 2, body.size()}) {
    RawClient client(served.http.port());
    client.send(std::string_view(whole).substr(0, whole.size() - missing));
    client.shut();
    client.read_all();  // until the server has let go
  }
  EXPECT_TRUE(served.get("/v1/jobs").json()["jobs"].empty());
  EXPECT_TRUE(served.engine->started().empty());
}

TEST(OpenAi, WhatTheEndOfTheServerStopsIsWorthAskingForAgain) {
  Served served;
  served.engine->hold();
  RawClient client(served.http.port());
  client.send(http_request("POST", "/v1/images/generations", kAsked.dump()));
  served.engine->wait_for_started(1);
  served.server.jobs().cancel_all(CancelReason::Shutdown);
  const HttpAnswer answer = parse_answer(client.read_all());
  EXPECT_EQ(answer.status, 503);
  EXPECT_TRUE(answer.headers.contains("retry-after"));
  EXPECT_FALSE(answer.headers.contains("x-should-retry"));
}

TEST(OpenAi, AStreamThatTheEndOfTheServerStopsSaysSo) {
  Served served;
  served.engine->hold();
  OrderedJson asked = kAsked;
  asked["stream"] = true;
  RawClient client(served.http.port());
  client.send(http_request("POST", "/v1/images/generations", asked.dump()));
  served.engine->wait_for_started(1);
  served.server.jobs().cancel_all(CancelReason::Shutdown);
  EXPECT_THAT(parse_answer(client.read_all()).body,
              AllOf(HasSubstr("\"type\":\"server_error\""), HasSubstr("\"code\":\"draining\"")));
}

TEST(OpenAi, SeedsBeyondWhatJavaScriptCountsComeAsText) {
  Served served;
  OrderedJson asked = kAsked;
  asked["n"] = 1;
  asked["seed"] = "18446744073709551615";
  EXPECT_EQ(served.post("/v1/images/generations", asked).json()["data"][0]["seed"], "18446744073709551615");
}

TEST(OpenAi, ALeavingClientStopsNobodyElse) {
  Served served;
  served.engine->hold();
  RawClient stays(served.http.port());
  stays.send(http_request("POST", "/v1/images/generations", kAsked.dump()));
  served.engine->wait_for_started(1);
  {
    RawClient leaves(served.http.port());
    leaves.send(http_request("POST", "/v1/images/generations", kAsked.dump()));
    while (served.server.jobs().counters().waiting == 0) std::this_thread::yield();
  }
  while (served.server.jobs().counters().waiting > 0) std::this_thread::yield();
  served.engine->release();
  EXPECT_EQ(parse_answer(stays.read_all()).status, 200);
}

}  // namespace
}  // namespace newbie
