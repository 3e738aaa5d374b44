#include "http/connection.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <optional>
#include <utility>

namespace newbie {

namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using Parser = http::request_parser<http::string_body>;

constexpr size_t kMostEmptyLines = 2;  // before a request, which some send behind a body (RFC 9112 §2.2)
constexpr size_t kBufferBytes = 65536;
constexpr size_t kReadBytes = 4096;
constexpr size_t kWriteBytes = 262144;     // at a time, each with its own deadline
constexpr double kBetweenPieces_s = 0.05;  // of a source
constexpr double kLookAgain_s = 0.25;      // for a leaving client behind bytes that it sent ahead

Response plain_error(int status, std::string_view what) {
  Response out(status, "application/json", fmt::format(R"({{"error":{{"message":"{}"}}}})", what));
  out.closes = true;
  return out;
}

// Tells an Answer that its client is gone: closed, reset, or half-closed, which no client of HTTP does that still
// waits.
class LeavingWatch : public std::enable_shared_from_this<LeavingWatch> {
 public:
  LeavingWatch(Tcp::socket& socket, std::shared_ptr<Answer> answer)
      : socket_(&socket), timer_(socket.get_executor()), answer_(std::move(answer)) {}

  void begin() {
    socket_->async_wait(Tcp::socket::wait_read,
                        net::bind_cancellation_slot(cancel_.slot(), [self = shared_from_this()](SystemError error) {
                          if (self->socket_ == nullptr || error == net::error::operation_aborted) return;
                          self->look();
                        }));
  }
  void end() {
    socket_ = nullptr;
    cancel_.emit(net::cancellation_type::terminal);
    timer_.cancel();
  }

 private:
  void look() {
    char byte = 0;
    const ssize_t got = ::recv(socket_->native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    pollfd state{socket_->native_handle(), POLLRDHUP, 0};
    const bool hung_up = ::poll(&state, 1, 0) > 0 && (state.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
    if (got == 0 || hung_up || (got < 0 && errno != EAGAIN && errno != EINTR)) return answer_->gone();
    if (got < 0) return begin();
    timer_.expires_after(seconds_of(kLookAgain_s));  // the next request lies there: waiting would return at once
    timer_.async_wait([self = shared_from_this()](SystemError error) {
      if (!error && self->socket_ != nullptr) self->look();
    });
  }

  Tcp::socket* socket_;
  net::steady_timer timer_;
  net::cancellation_signal cancel_;
  std::shared_ptr<Answer> answer_;
};

// The handler's end of an Answer.
class Handle : public Exchange {
 public:
  explicit Handle(std::shared_ptr<Answer> answer) : answer_(std::move(answer)) {}
  ~Handle() override { answer_->abandoned(); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  const Request& request() const override { return answer_->request(); }
  void respond(Response response) override { answer_->respond(std::move(response)); }
  void start(Response head, std::string heartbeat) override { answer_->start(std::move(head), std::move(heartbeat)); }
  std::function<void()> follow(Response head, std::string heartbeat, Source source) override {
    return answer_->follow(std::move(head), std::move(heartbeat), std::move(source));
  }
  bool write(std::string piece) override { return answer_->write(std::move(piece)); }
  void finish() override { answer_->finish(); }
  void when_gone(std::function<void()> call) override { answer_->when_gone(std::move(call)); }

 private:
  std::shared_ptr<Answer> answer_;
};

// A share of the bytes that all bodies together may take.
class BodyShare {
 public:
  BodyShare(Hub& hub, size_t bytes) : hub_(hub), bytes_(bytes) { hub_.bodies_bytes += bytes_; }
  ~BodyShare() { hub_.bodies_bytes -= bytes_; }
  BodyShare(const BodyShare&) = delete;
  BodyShare& operator=(const BodyShare&) = delete;

 private:
  Hub& hub_;
  size_t bytes_;
};

// While it lives the connection counts as idle, and may be closed in favour of another.
class Idle {
 public:
  Idle(Hub& hub, Tcp::socket& socket) : hub_(hub), at_(hub.idle.insert(hub.idle.end(), &socket)) {}
  ~Idle() { hub_.idle.erase(at_); }
  Idle(const Idle&) = delete;
  Idle& operator=(const Idle&) = delete;

 private:
  Hub& hub_;
  std::list<Tcp::socket*>::iterator at_;
};

template <typename Stream>
class Connection {
 public:
  Connection(Hub& hub, Stream& stream, bool encrypted)
      : hub_(hub), stream_(stream), encrypted_(encrypted), buffer_(kBufferBytes) {}

  net::awaitable<void> run() {
    // co_await stands in statements of its own: GCC 12 forgets what stands before it in && and ||.
    while (true) {
      const bool has_head = co_await read_head();
      if (!has_head) co_return;
      const auto began = std::chrono::steady_clock::now();
      std::optional<Response> refusal;
      std::optional<BodyShare> share;
      refusal = check();
      if (!refusal) refusal = hub_.admit(request_);
      if (!refusal) refusal = expect_body(share);
      if (!refusal) refusal = co_await read_body();
      if (broken_) co_return;
      if (refusal) {
        // What of the body is unread would be taken for the next request.
        if (!parser_ || !parser_->is_done()) refusal->closes = true;
        const bool goes_on = co_await refuse(std::move(*refusal), began);
        if (!goes_on) co_return;
        continue;
      }
      const bool goes_on = co_await answer(began);
      if (!goes_on) co_return;
    }
  }

 private:
  beast::tcp_stream& lowest() { return beast::get_lowest_layer(stream_); }
  void within(double seconds) { lowest().expires_after(seconds_of(seconds)); }

  // A whole head lies at the front of the buffer then; false when the connection ends.
  net::awaitable<bool> read_head() {
    SystemError error;
    parser_.reset();
    request_ = {};
    if (buffer_.size() == 0) {
      const Idle idle(hub_, lowest().socket());
      if (hub_.draining) co_return false;
      within(std::exchange(is_first_, false) ? hub_.options.head_s : hub_.options.idle_s);
      const size_t got = co_await stream_.async_read_some(buffer_.prepare(kReadBytes), into(error));
      if (error) co_return false;
      buffer_.commit(got);
    }
    within(hub_.options.head_s);  // in all, not for each piece
    constexpr std::string_view kEnd = "\r\n\r\n";
    size_t searched = 0, empty_lines = 0;
    while (true) {
      while (empty_lines < kMostEmptyLines && starts_with("\r\n")) {
        buffer_.consume(2);
        ++empty_lines;
        searched = 0;
      }
      const std::string_view all(static_cast<const char*>(buffer_.data().data()), buffer_.size());
      const size_t end = all.find(kEnd, searched);
      head_bytes_ = end == std::string_view::npos ? all.size() : end + kEnd.size();
      if (end != std::string_view::npos || all.size() > hub_.options.head.bytes || is_tls())
        co_return true;  // check() says which
      searched = all.size() - std::min(all.size(), kEnd.size() - 1);
      const size_t got = co_await stream_.async_read_some(buffer_.prepare(kReadBytes), into(error));
      if (error) co_return false;
      buffer_.commit(got);
    }
  }

  bool starts_with(std::string_view bytes) const {
    return std::string_view(static_cast<const char*>(buffer_.data().data()), buffer_.size()).starts_with(bytes);
  }
  bool is_tls() const { return !encrypted_ && starts_with("\x16"); }  // a handshake's first byte, and no method's

  std::string_view head() const { return {static_cast<const char*>(buffer_.data().data()), head_bytes_}; }

  // Our own look at the head, then the library's.
  std::optional<Response> check() {
    HeadLimits limits = hub_.options.head;
    if (is_tls()) return plain_error(400, "no TLS is spoken here: ask for http://, or start with --tls-cert");
    if (auto problem = check_head(head(), limits)) return plain_error(problem->status, problem->what);
    parser_.emplace();
    parser_->header_limit(static_cast<uint32_t>(limits.bytes));
    parser_->body_limit(hub_.options.body_bytes);
    SystemError error;
    const size_t used = parser_->put(net::const_buffer(buffer_.data().data(), head_bytes_), error);
    if (error == http::error::need_more) error = {};
    if (error == http::error::body_limit) return too_large();
    if (error || !parser_->is_header_done()) return plain_error(400, "the head cannot be read");
    buffer_.consume(used);
    return take_head();
  }

  std::optional<Response> take_head() {
    const auto& message = parser_->get();
    request_.method = std::string(message.method_string());
    request_.target = std::string(message.target());
    request_.encrypted = encrypted_;
    SystemError ignored;
    request_.client = lowest().socket().remote_endpoint(ignored).address().to_string();
    for (const auto& field : message)
      request_.headers.push_back({std::string(field.name_string()), std::string(field.value())});
    if (const auto absolute = absolute_target(request_.target)) {
      std::erase_if(request_.headers, [](const Header& h) { return equal_ignoring_case(h.name, "Host"); });
      request_.headers.push_back({"Host", std::string(absolute->authority)});
      request_.target = (absolute->rest.starts_with('/') ? "" : "/") + std::string(absolute->rest);
    }
    if (request_.target == "*" && request_.method == "OPTIONS") {
      request_.path = "*";
      return std::nullopt;
    }
    if (!split_target(request_.target, request_.path, request_.query))
      return plain_error(400, "the target cannot be read");
    return std::nullopt;
  }

  Response too_large() const {
    return plain_error(413, fmt::format("the body is larger than {} bytes (--max-body): base64 counts as it is sent, a "
                                        "third more than the picture",
                                        hub_.options.body_bytes));
  }

  // Room for a body before the first byte of it.
  std::optional<Response> expect_body(std::optional<BodyShare>& share) {
    const auto length = parser_->content_length();
    if (length && *length > hub_.options.body_bytes) return too_large();
    const size_t bytes = length ? static_cast<size_t>(*length) : parser_->chunked() ? hub_.options.body_bytes : 0;
    if (hub_.bodies_bytes > 0 &&
        bytes > hub_.options.bodies_bytes - std::min(hub_.bodies_bytes, hub_.options.bodies_bytes)) {
      Response out = plain_error(503, "too many large requests at a time");
      out.set("Retry-After", "1");
      return out;
    }
    share.emplace(hub_, bytes);
    return std::nullopt;
  }

  net::awaitable<std::optional<Response>> read_body() {
    SystemError error;
    within(hub_.options.body_s);
    const bool waits = parser_->get().version() >= 11 && request_.header("Expect") != nullptr;  // 1.0 has no 100
    if (waits && !parser_->is_done()) {
      co_await net::async_write(stream_, net::buffer(std::string_view("HTTP/1.1 100 Continue\r\n\r\n")), into(error));
      if (error) broken_ = true;
    }
    const bool is_more = !broken_ && !parser_->is_done();
    if (is_more) co_await http::async_read(stream_, buffer_, *parser_, into(error));
    if (error == http::error::body_limit) co_return too_large();
    if (error == beast::error::timeout) co_return plain_error(408, "the body took too long");
    if (error && error.category() == make_error_code(http::error::bad_chunk).category() &&
        error != http::error::partial_message)
      co_return plain_error(400, "the body cannot be read");
    if (error) broken_ = true;
    keeps_alive_ = parser_->get().keep_alive();
    is_1_0_ = parser_->get().version() < 11;
    request_.body = std::move(parser_->get().body());
    co_return std::nullopt;
  }

  // The client may still be sending: what it sends is read for a moment, or its side would never see the answer.
  net::awaitable<bool> refuse(Response response, std::chrono::steady_clock::time_point began) {
    keeps_alive_ = parser_ && parser_->is_header_done() && parser_->get().keep_alive();
    const bool closes = response.closes || !keeps_alive_;
    const int status = response.status;
    if (hub_.before_head) hub_.before_head(request_, response);
    const bool sent = co_await send(std::move(response), closes);
    tell(request_, status, 0, began, !sent);
    if (!sent) co_return false;
    if (!closes) co_return true;
    co_await let_go();
    co_return false;
  }

  net::awaitable<void> let_go() {
    constexpr size_t kMostIgnored = size_t{16} << 20;
    constexpr double kPatience_s = 2;
    SystemError error;
    within(kPatience_s);
    lowest().socket().shutdown(Tcp::socket::shutdown_send, error);
    buffer_.clear();
    for (size_t ignored = 0; !error && ignored < kMostIgnored;)
      ignored += co_await lowest().async_read_some(buffer_.prepare(kBufferBytes), into(error));
  }

  // False when the connection ends.
  net::awaitable<bool> answer(std::chrono::steady_clock::time_point began) {
    const auto answer = std::make_shared<Answer>(hub_.io, std::move(request_), hub_.options.unsent_bytes);
    const auto watch = std::make_shared<LeavingWatch>(lowest().socket(), answer);
    lowest().expires_never();
    watch->begin();
    net::post(hub_.pool, [handler = &hub_.handler, answer] {
      try {
        (*handler)(std::make_shared<Handle>(answer));
      } catch (...) {  // its Handle has said 500
      }
    });
    Sent sent;
    while (!sent.is_whole && !sent.is_gone) {
      Answer::News news = answer->take();
      if (!news.any()) {
        if (sent.is_stream && sent.is_quiet && !news.heartbeat.empty())
          news.pieces.push_back(std::make_shared<const std::string>(news.heartbeat));
        if (news.pieces.empty()) {
          sent.is_quiet = co_await answer->wait(hub_.options.heartbeat_s);
          continue;
        }
      }
      sent.is_quiet = false;
      const bool is_followed = news.is_followed;
      co_await send_news(std::move(news), answer->request(), sent);
      if (is_followed && !sent.is_whole && !sent.is_gone) co_await answer->pause(kBetweenPieces_s);
    }
    watch->end();
    if (sent.is_gone) answer->gone();
    tell(answer->request(), sent.status, sent.bytes, began, sent.is_gone);
    co_return !sent.is_gone && !sent.closes;
  }

  struct Sent {
    int status = 0;
    size_t bytes = 0;
    bool is_stream = false, is_chunked = false, is_whole = false, is_gone = false, closes = false, is_quiet = false;
  };

  net::awaitable<void> send_news(Answer::News news, const Request& request, Sent& sent) {
    if (news.is_gone) {
      sent.is_gone = true;
      co_return;
    }
    const bool is_head_request = request.method == "HEAD";
    if (news.head) {
      if (hub_.before_head) hub_.before_head(request, *news.head);
      sent.status = news.head->status;
      sent.is_stream = news.is_stream;
      sent.closes = news.head->closes || !keeps_alive_ || hub_.draining || (news.is_stream && is_1_0_);
      if (news.is_stream) {
        sent.is_chunked = !is_1_0_;
        const bool is_sent = co_await send_stream_head(*news.head, sent);
        sent.is_gone = !is_sent;
      } else {
        sent.bytes = is_head_request ? 0 : news.head->body_bytes();
        sent.is_whole = true;
        const bool is_sent = co_await send(std::move(*news.head), sent.closes, is_head_request);
        sent.is_gone = !is_sent;
        co_return;
      }
    }
    if (sent.is_gone) co_return;
    sent.is_whole = news.is_whole;
    if (is_head_request) co_return;
    const std::string text = stream_text(news, sent);
    const bool is_sent = co_await put(text);
    sent.is_gone = !is_sent;
  }

  // All that is new, a chunk a piece, and the end behind it: sent as one.
  static std::string stream_text(const Answer::News& news, Sent& sent) {
    std::string out;
    for (const auto& piece : news.pieces) {
      if (piece->empty()) continue;
      sent.bytes += piece->size();
      if (sent.is_chunked) out += fmt::format("{:x}\r\n", piece->size());
      out += *piece;
      if (sent.is_chunked) out += "\r\n";
    }
    if (sent.is_chunked && news.is_whole) out += "0\r\n\r\n";
    return out;
  }

  net::awaitable<bool> send_stream_head(const Response& head, const Sent& sent) {
    std::vector<Header> more;
    if (sent.is_chunked) more.push_back({"Transfer-Encoding", "chunked"});
    more.push_back({"Connection", sent.closes ? "close" : "keep-alive"});
    const std::string text = head_text(head, more);
    const bool is_sent = co_await put(text);
    co_return is_sent;
  }

  net::awaitable<bool> send(Response response, bool closes, bool without_body = false) {
    std::vector<Header> more;
    if (response.status != 204 && response.status != 304)
      more.push_back({"Content-Length", std::to_string(response.body_bytes())});
    more.push_back({"Connection", closes ? "close" : "keep-alive"});
    std::string text = head_text(response, more);
    constexpr size_t kSmall = 16384;  // one packet or two: sent as one
    const bool in_one = !without_body && response.body_bytes() <= kSmall;
    if (in_one) text += response.body_text();
    const bool head_is_sent = co_await put(text);
    if (!head_is_sent || in_one || without_body) co_return head_is_sent;
    const bool body_is_sent = co_await put(response.body_text());
    co_return body_is_sent;
  }

  net::awaitable<bool> put(std::string_view bytes) {
    SystemError error;
    while (!bytes.empty() && !error) {
      within(hub_.options.write_s);
      const std::string_view piece = bytes.substr(0, kWriteBytes);
      co_await net::async_write(stream_, net::buffer(piece), into(error));
      bytes.remove_prefix(piece.size());
    }
    lowest().expires_never();
    co_return !error;
  }

  void tell(const Request& request, int status, size_t bytes, std::chrono::steady_clock::time_point began, bool left) {
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    if (hub_.answered) hub_.answered({request, status, bytes, seconds, left});
  }

  Hub& hub_;
  Stream& stream_;
  bool encrypted_;
  beast::flat_buffer buffer_;
  std::optional<Parser> parser_;
  Request request_;
  size_t head_bytes_ = 0;
  bool is_first_ = true, keeps_alive_ = true, is_1_0_ = false, broken_ = false;
};

net::awaitable<void> serve_encrypted(Hub& hub, Tcp::socket socket) {
  const std::shared_ptr<net::ssl::context> tls = hub.tls;  // this connection's, whatever is loaded later
  beast::ssl_stream<beast::tcp_stream> stream(std::move(socket), *tls);
  SystemError error;
  {
    const Idle idle(hub, beast::get_lowest_layer(stream).socket());
    beast::get_lowest_layer(stream).expires_after(seconds_of(hub.options.head_s));
    co_await stream.async_handshake(net::ssl::stream_base::server, into(error));
  }
  if (error) co_return;
  co_await Connection(hub, stream, true).run();
  beast::get_lowest_layer(stream).expires_after(seconds_of(1));
  co_await stream.async_shutdown(into(error));
}

}  // namespace

net::awaitable<void> serve_connection(Hub& hub, Tcp::socket socket) {
  SystemError ignored;
  socket.set_option(Tcp::no_delay(true), ignored);
  if (hub.tls) {
    co_await serve_encrypted(hub, std::move(socket));
    co_return;
  }
  beast::tcp_stream stream(std::move(socket));
  co_await Connection(hub, stream, false).run();
}

}  // namespace newbie
