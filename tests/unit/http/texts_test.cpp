// What is read of requests and written of answers, without a connection.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/head_check.h"
#include "http/multipart.h"
#include "http/response.h"
#include "unit/core/expect_error.h"

namespace newbie {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

int status_of_head(std::string_view head) {
  const auto problem = check_head(head, {});
  return problem ? problem->status : 200;
}
std::string get(std::string_view headers) { return "GET / HTTP/1.1\r\n" + std::string(headers) + "\r\n"; }

TEST(CheckHead, TakesWhatClientsSend) {
  EXPECT_EQ(status_of_head(get("Host: a\r\n")), 200);
  EXPECT_EQ(status_of_head("POST /v1/jobs?x=%20 HTTP/1.1\r\nhost:a\r\nContent-Length: 12\r\nX-Empty:\r\n\r\n"), 200);
  EXPECT_EQ(status_of_head("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"), 200);
  EXPECT_EQ(status_of_head("GET / HTTP/1.0\r\n\r\n"), 200);
  EXPECT_EQ(status_of_head(get("Host: a\r\nExpect: 100-Continue\r\n")), 200);
  EXPECT_EQ(status_of_head("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
  EXPECT_EQ(status_of_head("GET HTTP://a:80/b?c HTTP/1.1\r\nHost: a\r\n\r\n"), 200);
}

TEST(CheckHead, SaysWhatIsWrongWithATarget) {
  EXPECT_THAT(check_head("GET /\xC3\xA9 HTTP/1.1\r\nHost: a\r\n\r\n", {})->what, HasSubstr("not ASCII"));
  EXPECT_THAT(check_head("GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n", {})->what, HasSubstr("control character"));
}

TEST(AbsoluteTarget, IsAuthorityAndRest) {
  const auto whole = absolute_target("http://a:80/b?c=http://d");
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->authority, "a:80");
  EXPECT_EQ(whole->rest, "/b?c=http://d");
  EXPECT_EQ(absolute_target("https://a?b")->rest, "?b");
  EXPECT_EQ(absolute_target("https://a")->rest, "");
  for (const char* other : {"/a?b=http://c", "ws://a/", "http://", "http://me@a", "*", ""})
    EXPECT_FALSE(absolute_target(other)) << other;
}

TEST(CheckHead, RefusesWhatTwoReadersCouldReadDifferently) {
  const std::pair<std::string, int> cases[] = {
      {get(""), 400},                                // no Host
      {get("Host: a\r\nHost: b\r\n"), 400},          // two
      {get("Host: a\r\nX: b\r\n folded\r\n"), 400},  // a folded line
      {get("Host : a\r\n"), 400},                    // a space before the colon
      {get("Host: a\r\nNo colon\r\n"), 400},
      {get("Host: a\r\nX: a\nb\r\n"), 400},  // a bare line feed
      {get("Host: a\r\nX: a\rb\r\n"), 400},
      {get(std::string("Host: a\r\nX: a\0b\r\n", 17)), 400},
      {get("Host: a\r\nX: \x01\r\n"), 400},
      {get("Host: a\r\nContent-Length: 2\r\nContent-Length: 2\r\n"), 400},
      {get("Host: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n"), 400},
      {get("Host: a\r\nContent-Length: 2, 2\r\n"), 400},
      {get("Host: a\r\nContent-Length: -1\r\n"), 400},
      {get("Host: a\r\nContent-Length: +1\r\n"), 400},
      {get("Host: a\r\nContent-Length: 18446744073709551618\r\n"), 400},
      {get("Host: a\r\nContent-Length:\r\n"), 400},
      {get("Host: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n"), 400},
      {get("Host: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n"), 400},
      {get("Host: a\r\nTransfer-Encoding: xchunked\r\n"), 501},
      {get("Host: a\r\nTransfer-Encoding: gzip, chunked\r\n"), 501},
      {get("Host: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 501},
      {get("Host: a\r\nExpect: 200-ok\r\n"), 417},
      {get("Host: a\r\nExpect: 100-continue, a=b\r\n"), 417},
      {get("Host: a\r\nExpect: 100-continue\r\nExpect: other\r\n"), 417},
      {"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
      {"GET /\r\nHost: a\r\n\r\n", 400},
      {"GET  HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET http:///a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET http://me@a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\n", 400},
      {"", 400}};
  for (const auto& [head, status] : cases) EXPECT_EQ(status_of_head(head), status) << head;
}

TEST(CheckHead, Limits) {
  std::string many = "Host: a\r\n";
  for (int i = 0; i < 99; ++i) many += "X: y\r\n";
  EXPECT_EQ(status_of_head(get(many)), 200);
  EXPECT_EQ(status_of_head(get(many + "X: y\r\n")), 431);
  EXPECT_EQ(status_of_head(get("Host: a\r\nX: " + std::string(20000, 'a') + "\r\n")), 431);
}

TEST(SplitTarget, DecodesPathAndQuery) {
  std::string path;
  std::vector<std::pair<std::string, std::string>> query;
  ASSERT_TRUE(split_target("/a%20b/c?x=1%2B1&y=a+b&flag&=lost&", path, query));
  EXPECT_EQ(path, "/a b/c");
  EXPECT_THAT(query, ElementsAre(Pair("x", "1+1"), Pair("y", "a b"), Pair("flag", "")));
  for (const char* bad :
       {"", "a", "/%", "/%2", "/%zz", "/%00", "/a/../b", "/%2e%2e/b", "/..", "/?x=%0d%0aSet-Cookie:a"})
    EXPECT_FALSE(split_target(bad, path, query)) << bad;
  EXPECT_TRUE(split_target("/a..b/...", path, query));
}

TEST(Response, NobodysWordsBecomeHeaders) {
  Response response(200, "text/plain", "hi");
  EXPECT_ERROR(response.set("X", "a\r\nSet-Cookie: b"), ErrorKind::Internal, "would end its own line");
  EXPECT_ERROR(response.set("X", std::string("a\0b", 3)), ErrorKind::Internal, "");
  EXPECT_ERROR(response.set("X: a\r\nY", "b"), ErrorKind::Internal, "");
  response.set("content-type", "text/html");
  EXPECT_EQ(response.headers().size(), 1u);
  EXPECT_THAT(head_text(response, {{"Connection", "close"}}),
              ::testing::MatchesRegex(
                  "HTTP/1.1 200 OK\r\nDate: .* GMT\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n"));
}

constexpr const char* kForm = "multipart/form-data; boundary=\"x y\"";

TEST(ParseForm, FieldsAndFiles) {
  const std::string body =
      "ignored\r\n--x y\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\n1girl\r\nsmile\r\n"
      "--x y\r\ncontent-disposition: form-data; name=image; filename=\"a;\\\"b.png\"\r\nContent-Type: image/png\r\n\r\n"
      "\x89PNG\r\n--x\r\n--x y--\r\nignored";
  const std::vector<FormPart> parts = parse_form(kForm, body);
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_EQ(parts[0].name, "prompt");
  EXPECT_EQ(parts[0].data, "1girl\r\nsmile");
  EXPECT_EQ(parts[1].name, "image");
  EXPECT_EQ(parts[1].file_name, "a;\"b.png");
  EXPECT_EQ(parts[1].media_type, "image/png");
  EXPECT_EQ(parts[1].data, "\x89PNG\r\n--x");
  EXPECT_TRUE(parse_form(kForm, "--x y--").empty());
}

TEST(ParseForm, DamageIsRefused) {
  const std::string head = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n";
  const std::pair<std::string, std::string> cases[] = {
      {"application/json", "--b--"},
      {"multipart/form-data", "--b--"},
      {"multipart/form-data; boundary=", "----"},
      {"multipart/form-data; boundary=" + std::string(71, 'b'), "--b--"},
      {"multipart/form-data; boundary=b", ""},
      {"multipart/form-data; boundary=b", "--c--"},
      {"multipart/form-data; boundary=b", "--bx\r\n"},
      {"multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n"},
      {"multipart/form-data; boundary=b", head + "data"},
      {"multipart/form-data; boundary=b", head + "data\r\n--b"},
      {"multipart/form-data; boundary=b", "--b\r\nContent-Type: text/plain\r\n\r\ndata\r\n--b--"},
      {"multipart/form-data; boundary=b", "--b\r\nno colon\r\n\r\ndata\r\n--b--"},
      {"multipart/form-data; boundary=b", "--b\r\nX: " + std::string(9000, 'x') + "\r\n\r\ndata\r\n--b--"}};
  for (const auto& [type, body] : cases) {
    try {
      parse_form(type, body);
      ADD_FAILURE() << type << "\n" << body;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::InvalidRequest);
    }
  }
  std::string many;
  for (size_t i = 0; i <= kMostFormParts; ++i) many += head + "x\r\n";
  EXPECT_ERROR(parse_form("multipart/form-data; boundary=b", many + "--b--"), ErrorKind::InvalidRequest, "too many");
}

}  // namespace
}  // namespace newbie
