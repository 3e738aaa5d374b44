// Many clients at once, some of whom leave: nothing is lost, nothing is answered with another's picture.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <random>

#include "image/picture_format.h"
#include "served.h"
#include "text/base64.h"

namespace newbie {
namespace {

Image decoded(const std::string& base64) {
  const std::string bytes = decode_base64(base64).value();
  return decode_picture(std::as_bytes(std::span(bytes)), "it").image;
}

Served::Options many(size_t queue) {
  Served::Options options;
  options.service.queue = queue;
  options.service.parallel = 2;
  options.service.memory_budget_bytes = size_t{1} << 30;
  return options;
}

TEST(ManyClients, EachGetsItsOwnPicture) {
  Served served(many(1000));
  std::atomic<int> right{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 50; ++i)
    clients.emplace_back([&, i] {
      const HttpAnswer answer = served.post("/v1/images/generations", {{"prompt", "a"}, {"steps", 2}, {"seed", i}});
      if (answer.status == 200 &&
          decoded(answer.json()["data"][0]["b64_json"]) == MadeUpEngine::picture(static_cast<uint64_t>(i)))
        ++right;
    });
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(right, 50);
}

TEST(ManyClients, OneInFiveLeavesAndNothingIsLost) {
  constexpr int kThreads = 8, kEach = 40;
  Served served(many(10000));
  std::atomic<int> answered{0}, left{0};
  std::vector<std::thread> clients;
  for (int t = 0; t < kThreads; ++t)
    clients.emplace_back([&, t] {
      std::minstd_rand random(static_cast<unsigned>(t + 1));
      for (int i = 0; i < kEach; ++i) {
        const char* const targets[] = {"/v1/jobs", "/v1/images/generations", "/sdapi/v1/txt2img"};
        RawClient client(served.http.port());
        client.send(http_request("POST", targets[random() % 3], R"({"prompt":"a","steps":2,"seed":1})"));
        if (random() % 5 == 0) {
          ++left;
          continue;
        }
        const int status = parse_answer(client.read_all()).status;
        if (status == 200 || status == 202) ++answered;
      }
    });
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(answered + left, kThreads * kEach);
  ServiceCounters counters;
  do {
    counters = served.server.jobs().counters();
  } while (counters.waiting + counters.drawing > 0);
  uint64_t ended = 0;
  for (const auto& [state, count] : counters.ended) ended += count;
  EXPECT_GE(ended, static_cast<uint64_t>(answered.load()));
  EXPECT_LE(ended, static_cast<uint64_t>(kThreads * kEach));
  EXPECT_EQ(counters.ended.contains("failed"), false);
}

TEST(ManyClients, AListOfTwoHundredJobsIsSmall) {
  Served served(many(1000));
  std::string last;
  for (int i = 0; i < 200; ++i)
    last = served.post("/v1/jobs", {{"prompt", std::string(2000, 'a')}, {"steps", 2}}).json()["id"];
  served.wait_for_end(last);
  const HttpAnswer list = served.get("/v1/jobs?most=200");
  EXPECT_EQ(list.json()["jobs"].size(), 200u);
  EXPECT_LT(list.body.size(), 200000u);
}

}  // namespace
}  // namespace newbie
