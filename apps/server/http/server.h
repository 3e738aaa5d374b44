// HttpServer: listens, reads requests, and hands them to a handler. The only door to Boost.Asio and Boost.Beast;
// neither is seen from here.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>

#include "core/log.h"
#include "http/exchange.h"
#include "http/head_check.h"

namespace newbie {

struct TlsFiles {
  std::filesystem::path certificate, key;  // PEM; the certificate with those that vouch for it behind it
};

struct HttpOptions {
  std::string address = "127.0.0.1";  // a number, no name
  uint16_t port = 0;                  // 0: any that is free
  std::optional<TlsFiles> tls;
  HeadLimits head;
  size_t body_bytes = size_t{64} << 20;
  size_t bodies_bytes = size_t{512} << 20;                      // of all requests that are being read or answered
  size_t unsent_bytes = size_t{8} << 20;                        // of one stream: who reads more slowly is let go
  size_t connections = 256;                                     // beyond that, the one that has been idle longest goes
  double head_s = 10, body_s = 120, idle_s = 60, write_s = 30;  // the longest each may take
  double heartbeat_s = 15;  // of silence in a stream before its heartbeat is sent: proxies give up after 30 or 60
  int handler_threads = 4;
};

// What is known of a request after it has been answered.
struct Answered {
  const Request& request;
  int status = 0;
  size_t bytes = 0;
  double seconds = 0;
  bool left = false;  // the client closed the connection before the answer was whole
};

// Must outlive every Exchange it has given out.
class HttpServer {
 public:
  // An answer from the head alone, before any of the body is read: refusals. Runs on the I/O thread: it must be quick.
  using Admit = std::function<std::optional<Response>(const Request&)>;

  // Listens from here on. Error{InvalidRequest} for an address that is none, Error{BadFile} when the port is taken or a
  // TLS file cannot be used. `handler` runs on a few threads of its own, and may take its time, but not minutes.
  HttpServer(const HttpOptions& options, Admit admit, Handler handler, Log& log);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  uint16_t port() const;
  // Before each answer's head is sent, on the I/O thread.
  void on_response(std::function<void(const Request&, Response&)> call);               // before run()
  void on_answered(std::function<void(const Answered&)> call);                         // before run()
  void on_signals(std::initializer_list<int> signals, std::function<void(int)> call);  // before run()
  void every(double seconds, std::function<void()> call);                              // before run()

  void run();    // serves until drained or stopped; the calling thread is the I/O thread
  void drain();  // takes no new connections; those there are end after the answer they are at. From any thread
  void stop();   // run() returns now. From any thread
  void
  reload_tls();  // new connections use the files as they are now; what cannot be used is told, and the old ones stay

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace newbie
