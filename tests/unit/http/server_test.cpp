// The server on loopback, met by what well-behaved clients do not send.
#include "http/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "client.h"
#include "hostile_requests.h"
#include "unit/core/expect_error.h"
#include "unit/core/temporary_folder.h"

namespace newbie {
namespace {

using ::testing::AnyOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;

// Answers with what it was sent; /wait until the client leaves or the test lets go; /stream a few pieces.
class EchoServer {
 public:
  explicit EchoServer(HttpOptions options = {})
      : http(
            with_small_limits(options), [](const Request&) { return std::nullopt; },
            [this](const ExchangePtr& exchange) { answer(exchange); }, silent_log()) {
    http.on_answered([this](const Answered& a) { left += a.left ? 1 : 0; });
    thread = std::thread([this] { http.run(); });
  }
  ~EchoServer() {
    {
      const std::lock_guard lock(mutex);
      waiting.clear();
    }
    http.stop();
    thread.join();
  }

  static HttpOptions with_small_limits(HttpOptions options) {
    options.head.bytes = 8192;
    options.body_bytes = 1 << 20;
    return options;
  }
  void answer(const ExchangePtr& exchange) {
    const Request& request = exchange->request();
    if (request.path == "/wait") {
      exchange->when_gone([this] { gone.set_value(); });
      const std::lock_guard lock(mutex);
      waiting.push_back(exchange);
      return;
    }
    if (request.path == "/forget") return;
    if (request.path == "/stream") {
      exchange->start(Response(200, "text/plain", ""), "");
      for (const char* piece : {"one ", "two ", "three"}) exchange->write(piece);
      return exchange->finish();
    }
    if (request.path == "/endless") {
      exchange->start(Response(200, "text/plain", ""), "");
      while (exchange->write(std::string(65536, 'x'))) {
      }
      endless_ended = true;
      return;
    }
    exchange->respond(Response(200, "text/plain", request.method + " " + request.path + " " + request.body));
  }

  std::mutex mutex;
  std::vector<ExchangePtr> waiting;
  std::promise<void> gone;
  std::atomic<int> left{0};
  std::atomic<bool> endless_ended{false};
  HttpServer http;
  std::thread thread;
};

constexpr std::string_view kHealthy = "GET /healthy HTTP/1.1\r\nHost: a\r\n\r\n";

std::string answer_to(EchoServer& server, std::string_view bytes) {
  RawClient client(server.http.port());
  client.send(bytes);
  client.shut();
  return client.read_head();
}

TEST(HttpServer, AnswersAndKeepsTheConnection) {
  EchoServer server;
  RawClient client(server.http.port());
  for (int i = 0; i < 3; ++i) {
    client.forget();
    client.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
    const std::string answer = client.read_until([](const std::string& all) { return all.ends_with("hello"); });
    EXPECT_THAT(answer, HasSubstr("HTTP/1.1 200 OK"));
    EXPECT_THAT(answer, HasSubstr("Connection: keep-alive"));
    EXPECT_THAT(answer, EndsWith("POST /a hello"));
  }
}

TEST(HttpServer, ReadsChunksAndRequestsSentAhead) {
  EchoServer server;
  RawClient client(server.http.port());
  client.send("POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n" +
              std::string(kHealthy));
  const std::string answer =
      client.read_until([](const std::string& all) { return all.find("/healthy") != std::string::npos; });
  EXPECT_THAT(answer, HasSubstr("POST /a abcde"));
  EXPECT_THAT(answer, HasSubstr("GET /healthy"));
}

TEST(HttpServer, StreamsPieces) {
  EchoServer server;
  RawClient client(server.http.port());
  client.send("GET /stream HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  const std::string answer = client.read_all();
  EXPECT_THAT(answer, HasSubstr("Transfer-Encoding: chunked"));
  EXPECT_THAT(answer, HasSubstr("4\r\none \r\n4\r\ntwo \r\n5\r\nthree\r\n0\r\n\r\n"));
  RawClient old(server.http.port());
  old.send("GET /stream HTTP/1.0\r\n\r\n");
  EXPECT_THAT(old.read_all(), EndsWith("\r\n\r\none two three"));
}

// Proxies take a stream that says nothing for one that is dead.
TEST(HttpServer, AQuietStreamHasAHeartbeat) {
  HttpOptions options;
  options.heartbeat_s = 0.01;
  ExchangePtr kept;
  HttpServer server(
      options, [](const Request&) { return std::nullopt; },
      [&](const ExchangePtr& exchange) {
        exchange->start(Response(200, "text/event-stream", ""), ": beat\n\n");
        kept = exchange;
      },
      silent_log());
  std::thread thread([&] { server.run(); });
  RawClient client(server.port());
  client.send(http_request("GET", "/"));
  const std::string heard = client.read_until([](const std::string& all) {
    const size_t first = all.find(": beat");
    return first != std::string::npos && all.find(": beat", first + 1) != std::string::npos;
  });
  EXPECT_THAT(heard, HasSubstr("8\r\n: beat\n\n\r\n8\r\n: beat\n\n\r\n"));
  kept->finish();
  client.read_all();
  kept.reset();
  server.stop();
  thread.join();
}

// What lies elsewhere is fetched when it is rung for; several at once are one piece, and the last ends the answer.
TEST(HttpServer, FollowsASource) {
  std::mutex mutex;
  std::vector<std::string> news{"first "};
  bool is_last = false;
  std::function<void()> ring;
  std::promise<void> follows;
  HttpServer server(
      {}, [](const Request&) { return std::nullopt; },
      [&](const ExchangePtr& exchange) {
        ring = exchange->follow(Response(200, "text/plain", ""), "", [&] {
          const std::lock_guard lock(mutex);
          Exchange::Pieces out{.texts = {}, .is_last = is_last};
          for (std::string& text : news) out.texts.push_back(std::make_shared<const std::string>(std::move(text)));
          news.clear();
          return out;
        });
        follows.set_value();
      },
      silent_log());
  std::thread thread([&] { server.run(); });
  RawClient client(server.port());
  client.send(http_request("GET", "/"));
  client.read_until([](const std::string& all) { return all.find("first ") != std::string::npos; });
  follows.get_future().wait();
  {
    const std::lock_guard lock(mutex);
    news = {"second ", "third"};
    is_last = true;
  }
  ring();
  const HttpAnswer answer = parse_answer(client.read_all());
  EXPECT_EQ(answer.body, "first second third");
  ring();  // nobody is there any more
  server.stop();
  thread.join();
}

TEST(HttpServer, HeadHasNoBodyAndExpectIsAnswered) {
  EchoServer server;
  RawClient client(server.http.port());
  client.send("HEAD /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(client.read_all(), AllOf(HasSubstr("Content-Length: 8"), EndsWith("\r\n\r\n")));
  RawClient careful(server.http.port());
  careful.send("POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_THAT(careful.read_head(), HasSubstr("HTTP/1.1 100 Continue"));
  careful.send("hi");
  EXPECT_THAT(careful.read_until([](const std::string& all) { return all.ends_with("hi"); }), EndsWith("POST /a hi"));
  RawClient old(server.http.port());  // HTTP/1.0 has no 100 (RFC 9110 §10.1.1)
  old.send("POST /a HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi");
  EXPECT_THAT(old.read_all(), AllOf(::testing::StartsWith("HTTP/1.1 200 "), EndsWith("POST /a hi")));
}

TEST(HttpServer, NobodyIsLeftWithoutAnAnswer) {
  EchoServer server;
  EXPECT_THAT(answer_to(server, "GET /forget HTTP/1.1\r\nHost: a\r\n\r\n"), AnyOf(HasSubstr("HTTP/1.1 500"), ""));
  RawClient client(server.http.port());
  client.send("GET /forget HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(client.read_status(), 500);
}

// The table of ../shared/server.md §1.2.
TEST(HttpServer, HostileRequests) {
  EchoServer server;
  for (const HostileRequest& hostile : hostile_requests()) {
    RawClient client(server.http.port());
    client.send(hostile.bytes);
    client.shut();
    EXPECT_THAT(hostile.statuses, ::testing::Contains(client.read_status())) << hostile.bytes.substr(0, 200);
    EXPECT_THAT(answer_to(server, ""), "");
  }
  RawClient healthy(server.http.port());
  healthy.send(kHealthy);
  EXPECT_EQ(healthy.read_status(), 200);
}

TEST(HttpServer, TlsWherePlainHttpIsSpokenIsToldAtOnce) {
  HttpOptions options;
  options.head_s = 600;
  EchoServer server(options);
  RawClient client(server.http.port());
  client.send("\x16\x03\x01\x02");  // and waits for an answer
  EXPECT_THAT(client.read_head(), AllOf(HasSubstr("HTTP/1.1 400 "), HasSubstr("Connection: close")));
}

TEST(HttpServer, EmptyLinesBeforeARequestAreNothing) {
  EchoServer server;
  for (const char* lines : {"\r\n", "\r\n\r\n"}) {
    RawClient client(server.http.port());
    for (int i = 0; i < 2; ++i) {  // before the first of a connection, and before another
      client.forget();
      for (const char* line = lines; *line != '\0'; ++line) client.send({line, 1});
      client.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
      EXPECT_THAT(client.read_until([](const std::string& all) { return all.ends_with("hi"); }),
                  EndsWith("POST /a hi"));
    }
  }
}

TEST(HttpServer, AnAbsoluteTargetsAuthorityIsTheHost) {
  std::string host, target;
  HttpServer http(
      {},
      [&](const Request& r) {
        host = r.header_or("Host", "");
        target = r.target;
        return std::optional(Response(200, "text/plain", "seen"));
      },
      [](const ExchangePtr&) {}, silent_log());
  std::thread thread([&] { http.run(); });
  const std::pair<const char*, const char*> cases[] = {{"http://evil.example/v1/models?a=b", "/v1/models?a=b"},
                                                       {"HTTP://evil.example", "/"},
                                                       {"http://evil.example?a", "/?a"}};
  for (const auto& [asked, expected] : cases) {
    RawClient client(http.port());
    client.send(std::string("GET ") + asked + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT_EQ(client.read_status(), 200);
    EXPECT_EQ(host, "evil.example");
    EXPECT_EQ(target, expected);
  }
  http.stop();
  thread.join();
}

TEST(HttpServer, ABodyOverTheLimitIsToldTheLimitAndItsFlag) {
  EchoServer server;
  const auto sized = [](size_t bytes) {
    return "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: " + std::to_string(bytes) + "\r\n\r\n";
  };
  constexpr size_t kLimit = 1 << 20;
  RawClient over(server.http.port());
  over.send(sized(kLimit + 1));
  EXPECT_THAT(over.read_all(), AllOf(HasSubstr("HTTP/1.1 413 "), HasSubstr(std::to_string(kLimit)),
                                     HasSubstr("--max-body"), HasSubstr("base64")));
  RawClient at(server.http.port());
  at.send(sized(kLimit) + std::string(kLimit, 'x'));
  EXPECT_EQ(at.read_status(), 200);
}

TEST(HttpServer, AnEndlessBodyIsCutAtItsLimit) {
  EchoServer server;
  RawClient client(server.http.port());
  client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = "10000\r\n" + std::string(0x10000, 'x') + "\r\n";
  for (int i = 0; i < 32; ++i) client.send(chunk);  // two of the one MiB that is allowed
  EXPECT_EQ(client.read_status(), 413);
}

TEST(HttpServer, ASlowHeadIsCutByItsTotalTime) {
  HttpOptions options;
  options.head_s = 0.5;
  EchoServer server(options);
  RawClient client(server.http.port());
  client.send("GET / HTTP/1.1\r\n");
  for (int i = 0; i < 100 && !client.is_closed(); ++i) {  // a byte every 100 ms: each in time by itself
    client.send("X");
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(100);
    client.read_until([&](const std::string&) { return std::chrono::steady_clock::now() > until; });
  }
  EXPECT_TRUE(client.is_closed());
}

TEST(HttpServer, IdleConnectionsCostNobodyAnything) {
  HttpOptions options;
  options.connections = 64;
  EchoServer server(options);
  std::vector<std::unique_ptr<RawClient>> idle;
  for (int i = 0; i < 300; ++i) idle.push_back(std::make_unique<RawClient>(server.http.port()));
  RawClient healthy(server.http.port());
  healthy.send(kHealthy);
  EXPECT_EQ(healthy.read_status(), 200);
}

TEST(HttpServer, AClientThatLeavesIsNoticed) {
  for (const char* way : {"close", "reset", "half", "close behind a request sent ahead"}) {
    EchoServer server;
    std::future<void> gone = server.gone.get_future();
    RawClient client(server.http.port());
    client.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    if (std::string_view(way).ends_with("ahead")) client.send(kHealthy);
    while (true) {  // the handler has it
      const std::lock_guard lock(server.mutex);
      if (!server.waiting.empty()) break;
    }
    if (std::string_view(way) == "reset")
      client.reset();
    else if (std::string_view(way) == "half")
      client.shut();
    else
      client.close();
    EXPECT_EQ(gone.wait_for(std::chrono::seconds(10)), std::future_status::ready) << way;
  }
}

TEST(HttpServer, ASlowReaderIsLetGo) {
  HttpOptions options;
  options.unsent_bytes = 1 << 20;
  options.write_s = 0.5;
  EchoServer server(options);
  RawClient client(server.http.port());
  client.send("GET /endless HTTP/1.1\r\nHost: a\r\n\r\n");
  for (int i = 0; i < 1000 && !server.endless_ended; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_TRUE(server.endless_ended);
}

TEST(HttpServer, RefusalsComeBeforeTheBody) {
  std::atomic<int> handled{0};
  HttpServer http(
      {}, [](const Request&) { return std::optional(Response(401, "text/plain", "no")); },
      [&](const ExchangePtr&) { ++handled; }, silent_log());
  std::thread thread([&] { http.run(); });
  RawClient client(http.port());
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n");
  EXPECT_EQ(client.read_status(), 401);
  EXPECT_EQ(handled, 0);
  http.stop();
  thread.join();
}

TEST(HttpServer, DrainsWhatItIsAt) {
  auto server = std::make_unique<EchoServer>();
  RawClient client(server->http.port());
  client.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
  ExchangePtr exchange;
  while (!exchange) {
    const std::lock_guard lock(server->mutex);
    if (!server->waiting.empty()) exchange = server->waiting.front();
  }
  RawClient idle(server->http.port());
  idle.send(kHealthy);
  EXPECT_EQ(idle.read_status(), 200);
  server->http.drain();
  idle.read_all();
  EXPECT_TRUE(idle.is_closed());
  exchange->respond(Response(200, "text/plain", "done"));
  EXPECT_THAT(client.read_all(), AllOf(HasSubstr("Connection: close"), EndsWith("done")));
  exchange.reset();
  {
    const std::lock_guard lock(server->mutex);
    server->waiting.clear();
  }
  server->thread.join();  // by itself
  server->thread = std::thread([] {});
}

TEST(HttpServer, APortThatIsTakenIsSaid) {
  EchoServer server;
  HttpOptions options;
  options.port = server.http.port();
  EXPECT_ERROR(EchoServer{options}, ErrorKind::BadFile, "cannot listen");
  options.address = "nowhere";
  EXPECT_ERROR(EchoServer{options}, ErrorKind::InvalidRequest, "is no address");
}

}  // namespace
}  // namespace newbie
