// A connection that sends what it is told, byte for byte, and reads what comes: no client library would send this.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>

#include "core/json.h"

namespace newbie {

class RawClient {
 public:
  explicit RawClient(uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
      throw std::runtime_error("connect failed");
  }
  ~RawClient() { close(); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  // What the other side does not take any more is no failure.
  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<size_t>(sent));
      sent_ += static_cast<size_t>(sent);
    }
  }
  size_t sent() const { return sent_; }

  // Until `enough` says so of all that came, the other side closes, or ten seconds have passed.
  template <typename Enough>
  std::string read_until(const Enough& enough) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!enough(received_) && std::chrono::steady_clock::now() < end) {
      pollfd state{socket_, POLLIN, 0};
      if (::poll(&state, 1, 100) <= 0) continue;
      char buffer[65536];
      const ssize_t got = ::recv(socket_, buffer, sizeof buffer, 0);
      if (got <= 0) {
        is_closed_ = true;
        break;
      }
      received_.append(buffer, static_cast<size_t>(got));
    }
    return received_;
  }
  std::string read_head() {
    return read_until([](const std::string& all) { return all.find("\r\n\r\n") != std::string::npos; });
  }
  std::string read_all() {
    return read_until([](const std::string&) { return false; });
  }
  // The status of the next answer, 0 when there was none; its head and body are taken off.
  int read_status() {
    const std::string head = read_head();
    return head.starts_with("HTTP/1.1 ") ? std::stoi(head.substr(9, 3)) : 0;
  }
  void forget() { received_.clear(); }
  bool is_closed() const { return is_closed_; }
  int descriptor() const { return socket_; }

  void shut() { ::shutdown(socket_, SHUT_WR); }
  void reset() {
    const linger at_once{1, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close();
  }
  void close() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
  }

 private:
  int socket_;
  std::string received_;
  size_t sent_ = 0;
  bool is_closed_ = false;
};

struct HttpAnswer {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;

  OrderedJson json() const { return OrderedJson::parse(body); }
};

inline HttpAnswer parse_answer(const std::string& text) {
  HttpAnswer out;
  const size_t head_end = text.find("\r\n\r\n");
  if (!text.starts_with("HTTP/1.1 ") || head_end == std::string::npos) return out;
  out.status = std::stoi(text.substr(9, 3));
  for (size_t at = text.find("\r\n") + 2; at < head_end + 2;) {
    const size_t end = text.find("\r\n", at), colon = text.find(':', at);
    std::string name = text.substr(at, colon - at);
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
    out.headers[name] = text.substr(colon + 2, end - colon - 2);
    at = end + 2;
  }
  std::string rest = text.substr(head_end + 4);
  if (out.headers["transfer-encoding"] != "chunked") {
    out.body = rest;
    return out;
  }
  while (true) {
    const size_t line = rest.find("\r\n");
    if (line == std::string::npos) return out;
    const size_t size = std::stoul(rest.substr(0, line), nullptr, 16);
    if (size == 0) return out;
    out.body += rest.substr(line + 2, size);
    rest.erase(0, std::min(rest.size(), line + 2 + size + 2));
  }
}

// As a well-behaved client sends it, on a connection of its own.
inline std::string http_request(const std::string& method, const std::string& target, const std::string& body = {},
                                const std::string& headers = {}) {
  return method + " " + target + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + headers +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace newbie
