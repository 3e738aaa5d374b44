// What clients send, written down (tests/data/clients, by tests/clients/record.py or by hand), sent again: each is
// answered with what its client cannot do without.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "core/files.h"
#include "served.h"
#include "text/base64.h"

namespace newbie {
namespace {

std::vector<std::filesystem::path> recordings() {
  std::vector<std::filesystem::path> out;
  for (const auto& entry : std::filesystem::directory_iterator(NEWBIE_SOURCE_DIR "/tests/data/clients"))
    out.push_back(entry.path());
  std::ranges::sort(out);
  return out;
}

std::string body_of(const OrderedJson& request) {
  if (request.contains("body_base64")) return decode_base64(request["body_base64"].get<std::string>()).value();
  return request.value("body", std::string());
}

class Replay : public ::testing::TestWithParam<std::filesystem::path> {};

TEST_P(Replay, EveryRequestIsAnsweredAsItsClientNeeds) {
  Served served;
  served.engine->budget = size_t{64} << 20;  // some ask for large pictures
  const OrderedJson recorded = parse_ordered_json(read_file(GetParam(), size_t{1} << 20), GetParam().string());
  ASSERT_FALSE(recorded["requests"].empty());
  for (const OrderedJson& request : recorded["requests"]) {
    SCOPED_TRACE(request.value("about", recorded["client"].get<std::string>()) + ": " +
                 request["target"].get<std::string>());
    std::string headers;
    for (const auto& [name, value] : request["headers"].items())
      headers += name + ": " + value.get<std::string>() + "\r\n";
    const HttpAnswer answer = served.ask(request["method"], request["target"], body_of(request), headers);
    ASSERT_EQ(answer.status, 200) << answer.body;
    for (const OrderedJson& kind : request.value("events", OrderedJson::array()))
      EXPECT_THAT(answer.body, ::testing::HasSubstr("\"type\":" + kind.dump()));
    for (const OrderedJson& pointer : request.value("needs", OrderedJson::array()))
      EXPECT_TRUE(answer.json().contains(OrderedJson::json_pointer(pointer.get<std::string>())))
          << pointer << " is missing in " << answer.body.substr(0, 300);
  }
}

INSTANTIATE_TEST_SUITE_P(Clients, Replay, ::testing::ValuesIn(recordings()),
                         [](const auto& one) { return one.param.stem().string(); });

}  // namespace
}  // namespace newbie
