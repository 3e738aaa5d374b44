// The server's own interface, over HTTP.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <regex>

#include "core/files.h"
#include "image/picture_format.h"
#include "served.h"
#include "text/base64.h"

namespace newbie {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

const OrderedJson kRequest{{"prompt", "1girl"}, {"seed", 7}, {"steps", 2}};

std::string submit(Served& served, const OrderedJson& request = kRequest) {
  const HttpAnswer answer = served.post("/v1/jobs", request);
  EXPECT_EQ(answer.status, 202) << answer.body;
  return answer.json()["id"];
}

TEST(Jobs, ARequestBecomesAPicture) {
  Served served;
  const HttpAnswer taken = served.post("/v1/jobs", kRequest);
  ASSERT_EQ(taken.status, 202) << taken.body;
  const std::string id = taken.json()["id"];
  EXPECT_EQ(taken.headers.at("location"), "/v1/jobs/" + id);
  const OrderedJson job = served.wait_for_end(id);
  EXPECT_EQ(job["state"], "done");
  EXPECT_EQ(job["progress"], 1);
  EXPECT_EQ(job["pictures"][0]["seed"], 7);
  EXPECT_EQ(job["guard"].size(), 1u);
  EXPECT_GT(job["plan"]["peak_bytes"], 0);
  const HttpAnswer picture = served.get("/" + job["pictures"][0]["url"].get<std::string>());
  EXPECT_EQ(picture.status, 200);
  EXPECT_EQ(picture.headers.at("content-type"), "image/png");
  EXPECT_THAT(picture.headers.at("content-disposition"), HasSubstr("newbie-7-"));
  EXPECT_EQ(decode_picture(std::as_bytes(std::span(picture.body)), "it").image, MadeUpEngine::picture(7));
  EXPECT_EQ(served.get("/v1/jobs/" + id + "/pictures/1.png").status, 404);
  EXPECT_EQ(served.get("/v1/jobs/" + id + "/pictures/0.gif").status, 404);
  EXPECT_EQ(served.get("/v1/jobs/" + id + "/pictures/0").body, picture.body);
}

TEST(Jobs, TwoClientsTellTheirJobsApart) {
  Served served;
  served.engine->hold();
  OrderedJson request = kRequest;
  std::vector<std::string> ids;
  for (const char* name : {"mine", "yours"}) {
    request["client_id"] = name;
    const HttpAnswer taken = served.post("/v1/jobs", request);
    ASSERT_EQ(taken.status, 202) << taken.body;
    ids.push_back(taken.json()["id"]);
    EXPECT_EQ(served.get("/v1/jobs/" + ids.back()).json()["client_id"], name);
  }
  served.engine->wait_for_started(1);
  EXPECT_EQ(served.get("/v1/jobs/" + ids[0]).json()["state"], "running");
  EXPECT_EQ(served.get("/v1/jobs/" + ids[1]).json()["position"], 1);
}

TEST(Jobs, FormatsAreTheClientsChoice) {
  Served served;
  for (const auto& [format, type] : {std::pair("jpeg", "image/jpeg"), std::pair("webp", "image/webp")}) {
    OrderedJson request = kRequest;
    request["output_format"] = format;
    const OrderedJson job = served.wait_for_end(submit(served, request));
    EXPECT_EQ(served.get("/" + job["pictures"][0]["url"].get<std::string>()).headers.at("content-type"), type);
  }
}

TEST(Jobs, WhatIsWrongIsSaidByField) {
  Served served;
  const std::pair<OrderedJson, const char*> cases[] = {
      {{{"prompt", "a"}, {"steps", 0}}, "steps"},
      {{{"prompt", "a"}, {"stepz", 3}}, "stepz"},
      {{{"prompt", 3}}, "prompt"},
      {{{"prompt", "a"}, {"output_format", "gif"}}, "output_format"},
      {{{"prompt", "a"}, {"output_compression", 101}}, "output_compression"},
      {{{"prompt", "a"}, {"client_id", 3}}, "client_id"},
      {{{"prompt", "a"}, {"init_image", "http://a/b.png"}}, "init_image"},
      {{{"prompt", "a"}, {"init_image", "AAAA"}}, "init_image"},
      {{{"prompt", std::string(70000, 'a')}}, "prompt"}};
  for (const auto& [request, field] : cases) {
    const HttpAnswer answer = served.post("/v1/jobs", request);
    EXPECT_EQ(answer.status, 400) << answer.body;
    EXPECT_EQ(answer.json()["error"]["param"], field) << answer.body;
  }
  for (const char* body : {"", "{", "[]", "nul", "{\"prompt\":\"\xff\"}", "{\"a\":1,\"a\":2}"})
    EXPECT_EQ(served.ask("POST", "/v1/jobs", body).status, 400) << body;
  EXPECT_EQ(served.ask("POST", "/v1/jobs", std::string(100000, '[')).status, 400);
}

TEST(Jobs, OtherProgramsNamesAreAnsweredWithOurs) {
  Served served;
  const std::pair<const char*, const char*> cases[] = {{"num_inference_steps", "`steps`"},
                                                       {"guidance_scale", "`cfg`"},
                                                       {"guidance", "`cfg`"},
                                                       {"sampler_name", "`sampler`"},
                                                       {"n", "`batch`"},
                                                       {"size", "`width` and `height`"}};
  for (const auto& [theirs, ours] : cases) {
    OrderedJson request = kRequest;
    request[theirs] = 1;
    const OrderedJson error = served.post("/v1/jobs", request).json()["error"];
    EXPECT_EQ(error["param"], theirs);
    EXPECT_EQ(error["hint"], std::string("here it is ") + ours);
  }
  EXPECT_THAT(served.post("/v1/images/generations", {{"prompt", "a"}, {"num_images", 2}}).body, HasSubstr("`n`"));
}

TEST(Jobs, BodiesThatCannotBeReadSayWhy) {
  Served served;
  const HttpAnswer packed = served.post("/v1/jobs", kRequest, "Content-Encoding: gzip\r\n");
  EXPECT_EQ(packed.status, 415);
  EXPECT_THAT(packed.body, HasSubstr("Content-Encoding: gzip"));
  EXPECT_EQ(served.post("/v1/jobs", kRequest, "Content-Encoding: identity\r\n").status, 202);
  std::string wide;
  for (const char c : kRequest.dump()) wide += {c, '\0'};
  for (const std::string& body : {wide, "\xFF\xFE" + wide}) {
    const HttpAnswer answer = served.ask("POST", "/v1/jobs", body);
    EXPECT_EQ(answer.status, 400);
    EXPECT_THAT(answer.body, HasSubstr("UTF-16"));
  }
}

TEST(Jobs, AnEndedJobHasNoMorePicturesToCome) {
  Served served;
  served.engine->fails = true;
  const std::string id = submit(served);
  served.wait_for_end(id);
  EXPECT_THAT(served.get("/v1/jobs/" + id + "/pictures/0").body,
              AllOf(HasSubstr("ended (failed)"), Not(HasSubstr("so far"))));
}

TEST(Jobs, SeedsBeyondWhatJavaScriptCountsComeAsText) {
  Served served;
  OrderedJson request = kRequest;
  request["seed"] = "18446744073709551615";
  const OrderedJson job = served.wait_for_end(submit(served, request));
  EXPECT_EQ(job["pictures"][0]["seed"], "18446744073709551615");
}

TEST(Jobs, NullAsksForNothing) {
  Served served;
  const OrderedJson request{{"prompt", "1girl"},    {"quality", "draft"},       {"steps", nullptr},
                            {"seed", nullptr},      {"client_id", nullptr},     {"init_image", nullptr},
                            {"tolerance", nullptr}, {"output_format", nullptr}, {"output_compression", nullptr},
                            {"precision", nullptr}};
  EXPECT_EQ(served.wait_for_end(submit(served, request))["state"], "done");
  EXPECT_EQ(served.engine->last_request().steps, 7) << "those of `quality`";
}

TEST(Jobs, WhatDoesNothingIsTold) {
  Served served;
  served.server.model().known = KnownThings{.sizes = {{128, 128}}, .words = {{"all", {"1girl"}}}};
  const std::pair<OrderedJson, const char*> cases[] = {
      {{{"strength", 0.3}}, "`strength` does nothing without `init_image`"},
      {{{"mask_blur", 4}}, "`mask_blur` does nothing without `mask`"},
      {{{"negative_prompt", "1girl"}, {"cfg", 1}}, "`negative_prompt` does nothing with `cfg` 1"},
      {{{"prompt", "1girl, cat"}}, "never learned: cat"},
      {{{"width", 64}}, "learned pictures of 128x128; at 64x128"},
      {{{"prompt", nullptr}}, "`prompt` is empty"}};
  for (const auto& [said, part] : cases) {
    OrderedJson request = kRequest;
    request.update({{"width", 128}, {"height", 128}});
    request.update(said);
    EXPECT_THAT(served.post("/v1/plan", request).json()["warnings"].dump(), HasSubstr(part));
    const std::string id = submit(served, request);
    const OrderedJson warnings = served.wait_for_end(id)["warnings"];
    ASSERT_EQ(warnings.size(), 1u) << warnings;
    EXPECT_THAT(warnings[0].get<std::string>(), HasSubstr(part));
    EXPECT_THAT(served.get("/v1/jobs/" + id + "/events").body, HasSubstr("event: warning\n"));
  }
}

TEST(Jobs, ASamplerHasOneName) {
  Served served;
  for (const char* name : {"euler_a", "euler_ancestral"}) {
    OrderedJson request = kRequest;
    request["sampler"] = name;
    served.wait_for_end(submit(served, request));
    EXPECT_EQ(served.engine->last_request().sampler, "euler_a");
  }
}

TEST(Jobs, OtherNumbersAreAskedForByName) {
  Served served;
  OrderedJson request = kRequest;
  request["precision"] = "exact";
  const OrderedJson job = served.wait_for_end(submit(served, request));
  EXPECT_EQ(job["precision"], "exact");
  const HttpAnswer picture = served.get("/" + job["pictures"][0]["url"].get<std::string>());
  EXPECT_EQ(decode_picture(std::as_bytes(std::span(picture.body)), "it").image, MadeUpEngine::picture(8));
  EXPECT_EQ(served.post("/v1/plan", request).json()["precision"]["name"], "exact");
  request["precision"] = "much";
  EXPECT_EQ(served.post("/v1/jobs", request).json()["error"]["param"], "precision");
  EXPECT_EQ(served.get("/v1/capabilities").json()["precisions"][0]["name"], "exact");
}

TEST(Jobs, APlanSaysHowLongOnceSomethingWasDrawn) {
  Served served;
  EXPECT_TRUE(served.post("/v1/plan", kRequest).json()["seconds"].is_null());
  served.wait_for_end(submit(served));
  EXPECT_GT(served.post("/v1/plan", kRequest).json()["seconds"], 0);
}

TEST(Plans, WhatIsHardToPlanHoldsNobodyElseUp) {
  Served served;
  served.engine->hold();
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 12; ++i) {  // more than there are threads of any kind
    clients.push_back(std::make_unique<RawClient>(served.http.port()));
    clients.back()->send(http_request("POST", "/v1/plan", OrderedJson{{"prompt", "hard to plan"}}.dump()));
  }
  served.engine->wait_for_planning(2);
  EXPECT_EQ(served.post("/v1/prompt/lint", {{"prompt", "1girl"}}).status, 200);
  EXPECT_EQ(served.get("/v1/jobs").status, 200);
  EXPECT_EQ(served.get("/health").status, 200);
  served.engine->release();
  EXPECT_EQ(parse_answer(clients[0]->read_all()).status, 200);
}

TEST(Plans, AClientThatLeavesTakesItsPlanAlong) {
  Served served;
  served.engine->hold();
  for (const char* address : {"/v1/plan", "/v1/images/generations", "/sdapi/v1/txt2img"}) {
    RawClient client(served.http.port());
    client.send(http_request("POST", address, OrderedJson{{"prompt", "hard to plan"}}.dump()));
    served.engine->wait_for_planning(1);
  }
  served.engine->wait_for_no_planning();
  EXPECT_TRUE(served.engine->started().empty());
}

// Nobody left: both threads that plan are at it, and what waits behind them is not begun.
TEST(Plans, TheEndOfTheServerStopsThem) {
  Served served;
  served.engine->hold();
  std::vector<std::unique_ptr<RawClient>> clients;
  for (const char* address : {"/v1/plan", "/v1/jobs", "/v1/jobs"}) {
    clients.push_back(std::make_unique<RawClient>(served.http.port()));
    clients.back()->send(http_request("POST", address, OrderedJson{{"prompt", "hard to plan"}}.dump()));
    if (clients.size() <= 2) served.engine->wait_for_planning(static_cast<int>(clients.size()));
  }
  served.server.slow_lane.interrupt();
  for (const auto& client : clients) {
    const HttpAnswer answer = parse_answer(client->read_all());
    EXPECT_EQ(answer.status, 503);
    EXPECT_EQ(answer.headers.at("retry-after"), "5");
  }
  EXPECT_TRUE(served.get("/v1/jobs").json()["jobs"].empty());
}

TEST(Compare, TwoPrecisionsOfOneRequest) {
  Served served;
  OrderedJson request = kRequest;
  request["precisions"] = {nullptr, "exact"};
  HttpAnswer answer = served.post("/v1/compare", request);
  ASSERT_EQ(answer.status, 200) << answer.body;
  OrderedJson json = answer.json();
  EXPECT_EQ(json["pictures"][0]["identical"], false);
  EXPECT_EQ(json["pictures"][0]["different"], 1);
  EXPECT_NEAR(json["pictures"][0]["psnr"].get<double>(), 20 * std::log10(255), 1e-9);  // one level apart everywhere
  EXPECT_EQ(json["jobs"][1]["precision"], "exact");
  EXPECT_EQ(json["jobs"][0]["pictures"][0]["seed"], json["jobs"][1]["pictures"][0]["seed"]);
  request["precisions"] = {"exact", "exact"};
  json = served.post("/v1/compare", request).json();
  EXPECT_EQ(json["pictures"][0]["identical"], true);
  EXPECT_TRUE(json["pictures"][0]["psnr"].is_null());
  request["precisions"] = {"exact"};
  EXPECT_EQ(served.post("/v1/compare", request).json()["error"]["param"], "precisions");
}

TEST(Compare, AClientThatLeavesTakesBothAlong) {
  Served served;
  served.engine->hold();
  {
    RawClient client(served.http.port());
    OrderedJson request = kRequest;
    request["precisions"] = {nullptr, "exact"};
    client.send(http_request("POST", "/v1/compare", request.dump()));
    served.engine->wait_for_started(1);
    while (served.server.jobs().counters().waiting == 0) std::this_thread::yield();
  }
  while (served.server.jobs().counters().left < 2) std::this_thread::yield();
}

TEST(Metrics, TheDashboardAsksForWhatThereIs) {
  Served served;
  served.server.metrics_on = true;
  served.wait_for_end(submit(served));
  const std::string told = served.get("/metrics").body;
  const std::string asked = read_file(NEWBIE_SOURCE_DIR "/examples/serve/grafana.json", size_t{1} << 20);
  const std::regex name("newbie_[a-z_]+");
  for (auto at = std::sregex_iterator(asked.begin(), asked.end(), name); at != std::sregex_iterator(); ++at)
    EXPECT_THAT(told, HasSubstr("# TYPE " + at->str() + " "));
}

TEST(Jobs, UnknownIsNotGone) {
  Served::Options options;
  options.service.store.jobs = 1;
  Served served(std::move(options));
  const std::string first = submit(served);
  served.wait_for_end(first);
  served.wait_for_end(submit(served));
  served.wait_for_end(submit(served));
  EXPECT_EQ(served.get("/v1/jobs/" + first).status, 410);
  EXPECT_EQ(served.get("/v1/jobs/0123456789abcdef0123456789abcdef").status, 404);
}

TEST(Jobs, EventsTellEverythingOnceAndGoOnWhereTheyStopped) {
  Served served;
  OrderedJson request = kRequest;
  request["preview_every"] = 1;
  served.engine->hold();
  const std::string id = submit(served, request);
  RawClient listener(served.http.port());
  listener.send(http_request("GET", "/v1/jobs/" + id + "/events"));
  listener.read_until([](const std::string& all) { return all.find("event: stage") != std::string::npos; });
  served.engine->release();
  const HttpAnswer all = parse_answer(listener.read_all());
  EXPECT_EQ(all.headers.at("content-type"), "text/event-stream; charset=utf-8");
  EXPECT_EQ(all.headers.at("x-accel-buffering"), "no");
  for (const char* event : {"queued", "stage", "step", "preview", "picture", "guard", "done"})
    EXPECT_THAT(all.body, HasSubstr(std::string("event: ") + event + "\n"));
  EXPECT_THAT(all.body, EndsWith("\n\n"));

  double last = -1;
  uint64_t last_id = 0;
  for (size_t at = all.body.find("\"progress\":"); at != std::string::npos;
       at = all.body.find("\"progress\":", at + 1)) {
    const double progress = std::stod(all.body.substr(at + 11));
    EXPECT_GE(progress, last);
    last = progress;
  }
  for (size_t at = all.body.find("id: "); at != std::string::npos; at = all.body.find("\nid: ", at + 1)) {
    const uint64_t event_id = std::stoull(all.body.substr(all.body.find(' ', at)));
    EXPECT_GT(event_id, last_id);
    last_id = event_id;
  }
  const HttpAnswer rest =
      served.get("/v1/jobs/" + id + "/events", "Last-Event-ID: " + std::to_string(last_id - 1) + "\r\n");
  EXPECT_THAT(rest.body, AllOf(HasSubstr("event: done"), Not(HasSubstr("event: queued"))));
}

TEST(Jobs, AListenerThatLeavesLeavesTheJob) {
  Served served;
  served.engine->hold();
  const std::string id = submit(served);
  {
    RawClient listener(served.http.port());
    listener.send(http_request("GET", "/v1/jobs/" + id + "/events"));
    listener.read_until([](const std::string& all) { return all.find("event: stage") != std::string::npos; });
  }
  served.engine->release();
  EXPECT_EQ(served.wait_for_end(id)["state"], "done");
}

TEST(Jobs, QueueFrontAndCancel) {
  Served served;
  served.engine->hold();
  const std::string runs = submit(served), second = submit(served), third = submit(served);
  served.engine->wait_for_started(1);
  EXPECT_EQ(served.get("/v1/jobs/" + third).json()["position"], 2);
  EXPECT_EQ(served.post("/v1/jobs/" + third + "/front", {}).json()["position"], 1);
  EXPECT_EQ(served.get("/v1/jobs/" + second).json()["position"], 2);
  const HttpAnswer cancelled = served.ask("DELETE", "/v1/jobs/" + second);
  EXPECT_EQ(cancelled.status, 200);
  EXPECT_EQ(cancelled.json()["state"], "cancelled");
  const HttpAnswer stopping = served.ask("DELETE", "/v1/jobs/" + runs);
  EXPECT_THAT(stopping.json()["state"].get<std::string>(), ::testing::AnyOf("cancelling", "cancelled"));
  served.engine->release();
  EXPECT_EQ(served.wait_for_end(runs)["state"], "cancelled");
  EXPECT_EQ(served.wait_for_end(third)["state"], "done");
  const OrderedJson list = served.get("/v1/jobs?most=2").json()["jobs"];
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0]["id"], third);
  EXPECT_EQ(served.get("/v1/jobs?before=" + second).json()["jobs"].size(), 1u);
  EXPECT_EQ(served.get("/v1/jobs?most=0").status, 400);
}

TEST(Jobs, AFullQueueSaysWhenToAskAgain) {
  Served::Options options;
  options.service.queue = 1;
  Served served(std::move(options));
  served.engine->hold();
  submit(served);
  served.engine->wait_for_started(1);
  submit(served);
  const HttpAnswer refused = served.post("/v1/jobs", kRequest);
  EXPECT_EQ(refused.status, 429);
  EXPECT_GE(std::stoi(refused.headers.at("retry-after")), 1);
}

TEST(Jobs, WhatDoesNotFitIsToldWithWhatWould) {
  Served served;
  served.engine->budget = 1000 + 128 * 128;
  OrderedJson request = kRequest;
  request["width"] = request["height"] = 256;
  for (const char* address : {"/v1/jobs", "/v1/plan"}) {
    const HttpAnswer refused = served.post(address, request);
    EXPECT_EQ(refused.status, 507);
    EXPECT_EQ(refused.headers.at("x-should-retry"), "false");
    EXPECT_EQ(refused.json()["error"]["would_fit"]["request"]["width"], 128) << refused.body;
  }
  EXPECT_TRUE(served.engine->started().empty());
  request["width"] = request["height"] = 128;
  EXPECT_EQ(served.post("/v1/plan", request).json()["decided_by"], "denoise");
}

TEST(System, LoadingIsNotReadyAndHealthAnswersAlways) {
  Served::Options options;
  options.opens = false;
  Served served(std::move(options));
  EXPECT_EQ(served.get("/health").status, 200);
  const HttpAnswer loading = served.get("/ready");
  EXPECT_EQ(loading.status, 503);
  EXPECT_TRUE(loading.headers.contains("retry-after"));
  const HttpAnswer refused = served.post("/v1/jobs", kRequest);
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.headers.at("retry-after"), "5");
  EXPECT_EQ(refused.json()["error"]["code"], "loading");
  EXPECT_EQ(served.get("/sdapi/v1/options").json()["sd_model_checkpoint"], "");
  served.open();
  EXPECT_EQ(served.get("/ready").status, 200);
  EXPECT_EQ(served.post("/v1/jobs", kRequest).status, 202);
  served.server.drain();
  EXPECT_EQ(served.get("/ready").status, 503);
  const HttpAnswer draining = served.post("/v1/jobs", kRequest);
  EXPECT_EQ(draining.status, 503);
  EXPECT_EQ(draining.json()["error"]["code"], "draining");
  EXPECT_EQ(draining.json()["error"]["type"], "server_error");
}

TEST(System, AddressesAndMethods) {
  Served served;
  EXPECT_EQ(served.get("/nowhere").status, 404);
  const HttpAnswer wrong = served.ask("PUT", "/v1/jobs");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.headers.at("allow"), "POST, GET");
  EXPECT_EQ(served.ask("HEAD", "/").status, 200);
  EXPECT_EQ(served.get("/v1/jobs/").status, 404);
  EXPECT_EQ(served.get("/metrics").status, 404) << "off unless asked for";
  served.server.metrics_on = true;
  const HttpAnswer metrics = served.get("/metrics");
  EXPECT_EQ(metrics.headers.at("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_THAT(metrics.body,
              AllOf(HasSubstr("newbie_jobs_waiting 0\n"), HasSubstr("newbie_http_requests_total{status=\"404\"}")));
}

TEST(System, TheOpenApiDocumentNamesEveryRouteAndField) {
  Served served;
  const OrderedJson document = served.get("/openapi.json").json();
  for (const Route* route : routes())
    EXPECT_TRUE(document["paths"].contains(std::string(route->pattern))) << route->pattern;
  for (const char* field : {"prompt", "steps", "seed", "cfg", "output_format"})
    EXPECT_TRUE(document["components"]["schemas"]["Request"]["properties"].contains(field)) << field;
  const OrderedJson capabilities = served.get("/v1/capabilities").json();
  EXPECT_EQ(capabilities["model"], "avatar");
  EXPECT_FALSE(capabilities["fields"].empty());
}

TEST(Prompts, TheToolsOfTheCommandLine) {
  Served served;
  EXPECT_THAT(served.post("/v1/prompt/from-tags", {{"tags", "1girl, blue hair"}}).json()["prompt"].get<std::string>(),
              HasSubstr("<character_1>"));
  EXPECT_THAT(served.post("/v1/prompt/format", {{"prompt", "<general_tags><style>anime</style></general_tags>"}})
                  .json()["prompt"]
                  .get<std::string>(),
              HasSubstr("<style>anime</style>\n"));
  const OrderedJson lint = served.post("/v1/prompt/lint", {{"prompt", "<character_1><n>a</n>"}}).json();
  EXPECT_GE(lint["errors"].get<int>() + lint["warnings"].get<int>(), 1);
  EXPECT_TRUE(lint["findings"][0].contains("line"));
  EXPECT_EQ(served.post("/v1/prompt/tokens", {{"prompt", "abc"}}).json()["encoders"].size(), 2u);
  EXPECT_EQ(served.post("/v1/prompt/tokens", {{"prompt", 3}}).status, 400);
  EXPECT_EQ(served.get("/v1/prompt/schema").status, 200);
}

TEST(Metadata, APictureInItsRequestOut) {
  Served served;
  const TextChunk texts[] = {{"parameters", "1girl\nSteps: 5, Sampler: Euler, CFG scale: 4, Seed: 9, Size: 64x64"}};
  const std::vector<std::byte> png = encode_picture(PictureFormat::Png, MadeUpEngine::picture(1), texts, 0);
  const std::string bytes(reinterpret_cast<const char*>(png.data()), png.size());
  for (const HttpAnswer& answer : {served.ask("POST", "/v1/metadata", bytes, "Content-Type: image/png\r\n"),
                                   served.post("/v1/metadata", {{"image", encode_base64(png)}})}) {
    ASSERT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(answer.json()["recalled"]["source"], "parameters");
    EXPECT_EQ(answer.json()["recalled"]["request"]["steps"], 5);
    EXPECT_EQ(answer.json()["width"], 16);
  }
  EXPECT_EQ(served.ask("POST", "/v1/metadata", "no picture", "Content-Type: image/png\r\n").status, 400);
}

}  // namespace
}  // namespace newbie
