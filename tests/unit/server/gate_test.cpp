// Who is let in.
#include "gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/files.h"
#include "core/json.h"
#include "served.h"
#include "text/base64.h"
#include "unit/core/expect_error.h"
#include "unit/core/temporary_folder.h"

namespace newbie {
namespace {

using ::testing::HasSubstr;

Request request(std::string method, std::vector<Header> headers) {
  Request out;
  out.method = std::move(method);
  out.path = "/v1/jobs";
  out.headers = std::move(headers);
  return out;
}

int status(const Request& r, const GateOptions& options, const ApiKeys& keys = {}) {
  const auto answer = gate(r, options, keys, false);
  return answer ? answer->status : 200;
}

ApiKeys keys_of(const TemporaryFolder& folder, std::string_view text) {
  write_file_atomically(folder / "keys", text);
  return ApiKeys::read(folder / "keys");
}

TEST(Gate, ForeignNamesDoNotReachALoopbackServer) {
  const GateOptions options{.hosts = {"draw.local"}};
  for (const char* host : {"localhost", "LOCALHOST:7860", "127.0.0.1", "127.0.0.1:1", "[::1]:7860", "draw.local:80"})
    EXPECT_EQ(status(request("GET", {{"Host", host}}), options), 200) << host;
  for (const char* host :
       {"evil.example", "localhost.evil.example", "evil.example:7860", "", "[::2]", "127.0.0.1.evil", "["})
    EXPECT_EQ(status(request("GET", {{"Host", host}}), options), 421) << host;
  const auto answer = gate(request("GET", {{"Host", "evil.example"}}), options, {}, false);
  EXPECT_THAT(answer->body, AllOf(HasSubstr("evil.example"), HasSubstr("--host-name")));
  EXPECT_EQ(status(request("GET", {{"Host", "evil.example"}}), {.is_loopback = false}), 200);
  EXPECT_EQ(status(request("GET", {}), options), 200) << "HTTP/1.0, which no browser speaks";
  EXPECT_THAT(gate(request("GET", {{"Host", ""}}), options, {}, false)->body, HasSubstr("an empty Host"));
}

TEST(Gate, PagesOfOtherSitesChangeNothing) {
  const GateOptions options{.origins = {"https://front.example"}};
  const Header host{"Host", "localhost:7860"};
  EXPECT_EQ(status(request("POST", {host}), options), 200) << "programs send neither header";
  EXPECT_EQ(status(request("POST", {host, {"Origin", "http://localhost:7860"}}), options), 200);
  EXPECT_EQ(status(request("POST", {host, {"Origin", "https://front.example"}}), options), 200);
  EXPECT_EQ(status(request("POST", {host, {"Origin", "http://localhost:9999"}}), options), 403);
  EXPECT_EQ(status(request("POST", {host, {"Origin", "null"}}), options), 403);
  EXPECT_EQ(status(request("DELETE", {host, {"Origin", "https://evil.example"}}), options), 403);
  EXPECT_EQ(status(request("GET", {host, {"Origin", "https://evil.example"}}), options), 200);
  EXPECT_EQ(status(request("POST", {host, {"Sec-Fetch-Site", "same-origin"}}), options), 200);
  EXPECT_EQ(status(request("POST", {host, {"Sec-Fetch-Site", "none"}}), options), 200);
  EXPECT_EQ(status(request("POST", {host, {"Sec-Fetch-Site", "same-site"}}), options), 403);
  const auto answer = gate(request("POST", {host, {"Sec-Fetch-Site", "cross-site"}}), options, {}, false);
  ASSERT_TRUE(answer);
  EXPECT_THAT(answer->body, AllOf(HasSubstr("Sec-Fetch-Site: cross-site"), HasSubstr("--cors")));
}

TEST(Gate, PreflightsAreAnsweredBeforeKeysAreAsked) {
  const TemporaryFolder folder;
  const ApiKeys keys = keys_of(folder, "me: 0123456789abcdef\n");
  const GateOptions options{.origins = {"https://front.example"}};
  const auto ask = [&](const char* origin) {
    return status(
        request("OPTIONS", {{"Host", "localhost"}, {"Origin", origin}, {"Access-Control-Request-Method", "POST"}}),
        options, keys);
  };
  EXPECT_EQ(ask("https://front.example"), 204);
  EXPECT_EQ(ask("https://evil.example"), 403);
}

TEST(Gate, AListedPageMaySendTheHeadersItAsksFor) {
  const GateOptions options{.origins = {"https://front.example"}};
  const auto allowed = [&](const char* asked) -> std::string {
    const auto answer = gate(request("OPTIONS", {{"Host", "localhost"},
                                                 {"Origin", "https://front.example"},
                                                 {"Access-Control-Request-Method", "POST"},
                                                 {"Access-Control-Request-Headers", asked}}),
                             options, {}, false);
    for (const Header& h : answer->headers())
      if (h.name == "Access-Control-Allow-Headers") return h.value;
    return "";
  };
  const std::string openai = "authorization,content-type,x-stainless-arch, x-stainless-os";
  EXPECT_EQ(allowed(openai.c_str()), openai);
  const std::string usual = "Authorization, Content-Type, Last-Event-ID";
  for (const char* bad : {"", "*", "a,,b", "a b", "x:y", "a,", "\xC3\xA9"}) EXPECT_EQ(allowed(bad), usual) << bad;
}

TEST(Gate, OriginsThatNeverMatchAreRefusedAtTheStart) {
  for (const char* good : {"https://example.org", "http://localhost:3000", "app://obsidian.md", "capacitor://localhost",
                           "tauri://localhost", "chrome-extension://abcdefghijklmnop"})
    check_origin(good);
  for (const char* bad : {"https://example.org/", "example.org", "", "ftp://example.org", "file://", "https://",
                          "https://a b", "://a", "a b://c"})
    EXPECT_ERROR(check_origin(bad), ErrorKind::InvalidRequest, "is no origin");
  for (const char* wild : {"*", "https://*.example.org"})
    EXPECT_ERROR(check_origin(wild), ErrorKind::InvalidRequest, "compared as they are");
}

TEST(Gate, AnAppsPageIsNoPageOfThisServer) {
  const Header host{"Host", "localhost"};
  EXPECT_EQ(status(request("POST", {host, {"Origin", "http://localhost"}}), {}), 200);
  EXPECT_EQ(status(request("POST", {host, {"Origin", "tauri://localhost"}}), {}), 403);
  EXPECT_EQ(status(request("POST", {host, {"Origin", "tauri://localhost"}}), {.origins = {"tauri://localhost"}}), 200);
}

TEST(ApiKeys, BearerAndBasic) {
  const TemporaryFolder folder;
  const ApiKeys keys = keys_of(folder, "# who\n\nanna: 0123456789abcdef\r\nbot : fedcba9876543210\n");
  EXPECT_EQ(keys.owner("Bearer 0123456789abcdef"), "anna");
  EXPECT_EQ(keys.owner("bearer  fedcba9876543210 "), "bot");
  const auto basic = [](std::string_view text) { return "Basic " + encode_base64(std::as_bytes(std::span(text))); };
  EXPECT_EQ(keys.owner(basic("whoever:fedcba9876543210")), "bot");
  for (const std::string& bad :
       {std::string(), std::string("Bearer"), std::string("Bearer 0123456789abcdeF"), std::string("0123456789abcdef"),
        basic("0123456789abcdef"), std::string("Basic !!!"), std::string("Digest 0123456789abcdef")})
    EXPECT_FALSE(keys.owner(bad)) << bad;
}

TEST(ApiKeys, DamagedFilesAreRefusedWithoutTellingAKey) {
  const TemporaryFolder folder;
  for (const char* text : {"", "# nothing\n", "anna 0123456789abcdef\n", "anna: short\n", ": 0123456789abcdef\n",
                           "a b: 0123456789abcdef\n", "anna: 0123456789 abcdef\n"}) {
    try {
      keys_of(folder, text);
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::BadFile);
      EXPECT_THAT(error.message(), ::testing::Not(HasSubstr("0123456789")));
    }
  }
}

// A browser would open its own window for a script's request, and the page that asks for the key would wait behind it.
TEST(Gate, AScriptOfAPageIsNotAskedByTheBrowser) {
  const TemporaryFolder folder;
  const ApiKeys keys = keys_of(folder, "me: 0123456789abcdef\n");
  const auto asks = [&](const char* destination) {
    const auto answer =
        gate(request("GET", {{"Host", "localhost"}, {"Sec-Fetch-Dest", destination}}), GateOptions{}, keys, false);
    for (const Header& h : answer->headers())
      if (h.name == "WWW-Authenticate") return h.value;
    return std::string();
  };
  EXPECT_THAT(asks("document"), HasSubstr("Basic"));
  EXPECT_EQ(asks("empty"), "Bearer realm=\"newbie\"");
}

TEST(Gate, KeysOverHttp) {
  const TemporaryFolder folder;
  Served::Options options;
  options.keys = keys_of(folder, "anna: 0123456789abcdef\nbot: fedcba9876543210\n");
  Served served(std::move(options));
  EXPECT_EQ(served.get("/health").status, 200);
  EXPECT_EQ(served.get("/").status, 200);
  const HttpAnswer refused = served.get("/v1/jobs");
  EXPECT_EQ(refused.status, 401);
  EXPECT_THAT(refused.headers.at("www-authenticate"), HasSubstr("Bearer"));
  EXPECT_EQ(served.get("/metrics").status, 401);
  EXPECT_THAT(refused.body, HasSubstr("a key is needed"));
  EXPECT_THAT(served.get("/v1/jobs", "Authorization: Bearer \r\n").body, HasSubstr("a key is needed"));
  EXPECT_THAT(served.get("/v1/jobs", "Authorization: Bearer 0000000000000000\r\n").body, HasSubstr("none of this"));
  EXPECT_TRUE(served.get("/sdapi/v1/options").json()["detail"].is_string());
  const std::string anna = "Authorization: Bearer 0123456789abcdef\r\n",
                    bot = "Authorization: Bearer fedcba9876543210\r\n";
  const HttpAnswer taken = served.post("/v1/jobs", {{"prompt", "1girl"}, {"steps", 2}}, anna);
  EXPECT_EQ(taken.status, 202);
  const std::string id = taken.json()["id"];
  EXPECT_EQ(served.get("/v1/jobs/" + id, anna).status, 200);
  EXPECT_EQ(served.get("/v1/jobs/" + id, bot).status, 404);
  EXPECT_EQ(served.ask("DELETE", "/v1/jobs/" + id, {}, bot).status, 404);
  EXPECT_TRUE(served.get("/v1/jobs", bot).json()["jobs"].empty());
}

}  // namespace
}  // namespace newbie
