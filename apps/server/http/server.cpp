#include "http/server.h"

#include <boost/asio/signal_set.hpp>
#include <boost/asio/ssl/context.hpp>
#include <utility>

#include "core/error.h"
#include "http/connection.h"

namespace newbie {

namespace {

constexpr double kPause_s = 0.1;  // before the next attempt to accept where the system refuses

// Error{BadFile} when the files are no certificate and its key.
std::shared_ptr<net::ssl::context> open_tls(const TlsFiles& files) {
  auto context = std::make_shared<net::ssl::context>(net::ssl::context::tls_server);
  SystemError error;
  context->set_options(net::ssl::context::default_workarounds | net::ssl::context::no_tlsv1 |
                       net::ssl::context::no_tlsv1_1 | net::ssl::context::no_compression);
  context->use_certificate_chain_file(files.certificate.string(), error);
  if (error) fail(ErrorKind::BadFile, "{}: no certificate: {}", files.certificate.string(), error.message());
  context->use_private_key_file(files.key.string(), net::ssl::context::pem, error);
  if (error) fail(ErrorKind::BadFile, "{}: not its key: {}", files.key.string(), error.message());
  return context;
}

}  // namespace

struct HttpServer::State {
  State(const HttpOptions& options, Log& l) : hub(options), acceptor(hub.io), signals(hub.io), log(l) {}

  void listen();
  net::awaitable<void> accept();
  net::awaitable<void> one(Tcp::socket socket);
  net::awaitable<void> tick(double seconds, std::function<void()> call);
  void make_room();
  void wait_for_signal(std::function<void(int)> call);
  void end_if_drained() {
    if (hub.draining && hub.connections == 0) hub.io.stop();
  }

  Hub hub;
  Tcp::acceptor acceptor;
  net::signal_set signals;
  Log& log;
};

void HttpServer::State::listen() {
  const HttpOptions& o = hub.options;
  SystemError error;
  const net::ip::address address = net::ip::make_address(o.address, error);
  if (error) fail(ErrorKind::InvalidRequest, "'{}' is no address: expected numbers, as 127.0.0.1 or ::1", o.address);
  const Tcp::endpoint endpoint(address, o.port);
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(Tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(net::socket_base::max_listen_connections, error);
  if (error)
    fail_with_hint(ErrorKind::BadFile, "another program may have the port: choose one with --port",
                   "cannot listen on {} port {}: {}", o.address, o.port, error.message());
}

// Who has been idle longest makes place for whoever comes.
void HttpServer::State::make_room() {
  if (hub.connections < hub.options.connections || hub.idle.empty()) return;
  SystemError ignored;
  hub.idle.front()->cancel(ignored);
  hub.idle.splice(hub.idle.end(), hub.idle, hub.idle.begin());  // it goes by itself; the next one is another
}

net::awaitable<void> HttpServer::State::accept() {
  net::steady_timer pause(hub.io);
  while (acceptor.is_open()) {
    SystemError error;
    Tcp::socket socket = co_await acceptor.async_accept(into(error));
    if (error == net::error::operation_aborted) break;
    if (error) {  // out of descriptors, mostly
      make_room();
      pause.expires_after(seconds_of(kPause_s));
      co_await pause.async_wait(into(error));
      continue;
    }
    make_room();
    net::co_spawn(hub.io, one(std::move(socket)), net::detached);
  }
}

net::awaitable<void> HttpServer::State::one(Tcp::socket socket) {
  ++hub.connections;
  try {
    co_await serve_connection(hub, std::move(socket));
  } catch (const std::exception& error) {
    log.warn("a connection ended badly: {}", error.what());
  }
  --hub.connections;
  end_if_drained();
}

net::awaitable<void> HttpServer::State::tick(double seconds, std::function<void()> call) {
  net::steady_timer timer(hub.io);
  SystemError error;
  while (!error) {
    timer.expires_after(seconds_of(seconds));
    co_await timer.async_wait(into(error));
    if (!error) call();
  }
}

void HttpServer::State::wait_for_signal(std::function<void(int)> call) {
  signals.async_wait([this, call](SystemError error, int signal) {
    if (error) return;
    call(signal);
    wait_for_signal(call);
  });
}

HttpServer::HttpServer(const HttpOptions& options, Admit admit, Handler handler, Log& log)
    : state_(std::make_unique<State>(options, log)) {
  Hub& hub = state_->hub;
  hub.admit = std::move(admit);
  hub.handler = std::move(handler);
  if (options.tls) hub.tls = open_tls(*options.tls);
  state_->listen();
}

HttpServer::~HttpServer() {
  stop();
  state_->hub.pool.join();
}

uint16_t HttpServer::port() const { return state_->acceptor.local_endpoint().port(); }

void HttpServer::on_response(std::function<void(const Request&, Response&)> call) {
  state_->hub.before_head = std::move(call);
}

void HttpServer::on_answered(std::function<void(const Answered&)> call) { state_->hub.answered = std::move(call); }

void HttpServer::on_signals(std::initializer_list<int> signals, std::function<void(int)> call) {
  for (const int signal : signals) state_->signals.add(signal);
  state_->wait_for_signal(std::move(call));
}

void HttpServer::every(double seconds, std::function<void()> call) {
  net::co_spawn(state_->hub.io, state_->tick(seconds, std::move(call)), net::detached);
}

void HttpServer::run() {
  net::co_spawn(state_->hub.io, state_->accept(), net::detached);
  state_->hub.io.run();
  state_->hub.pool.join();  // what a handler is at is done before anything it uses goes
}

void HttpServer::drain() {
  net::post(state_->hub.io, [state = state_.get()] {
    SystemError ignored;
    state->hub.draining = true;
    state->acceptor.close(ignored);
    for (Tcp::socket* socket : state->hub.idle) socket->cancel(ignored);
    state->end_if_drained();
  });
}

void HttpServer::stop() { state_->hub.io.stop(); }

void HttpServer::reload_tls() {
  net::post(state_->hub.io, [state = state_.get()] {
    if (!state->hub.options.tls) return;
    try {
      state->hub.tls = open_tls(*state->hub.options.tls);
    } catch (const Error& error) {
      state->log.warn("the certificate stays the one it was: {}", error.message());
    }
  });
}

}  // namespace newbie
