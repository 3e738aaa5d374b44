#include "serve.h"

#include <signal.h>

#include <charconv>
#include <chrono>
#include <thread>

#include "core/error.h"
#include "open_model.h"
#include "quick_answers.h"
#include "router.h"
#include "service_manager.h"

namespace newbie {

namespace {

constexpr double kLookAfter_s = 0.1, kSweep_s = 5;

bool is_loopback(const std::string& address) { return address.starts_with("127.") || address == "::1"; }

ApiKeys read_keys(const ServeOptions& o) {
  if (o.api_key_file) return ApiKeys::read(*o.api_key_file);
  if (!is_loopback(o.http.address) && !o.insecure)
    fail_with_hint(ErrorKind::InvalidRequest, "give --api-key-file, or --insecure where everybody may draw",
                   "--host {}: others would reach it without a key", o.http.address);
  return {};
}

GateOptions gate_options(const ServeOptions& o) {
  GateOptions out = o.gate;
  out.is_loopback = is_loopback(o.http.address);
  for (const std::string& origin : out.origins) check_origin(origin);
  return out;
}

ServerLimits limits_of(const ServeOptions& o) {
  ServerLimits out = o.limits;
  out.body_bytes = o.http.body_bytes;
  return out;
}

HttpOptions metrics_address(const std::string& text) {
  const size_t colon = text.rfind(':');
  HttpOptions out;
  if (colon != std::string::npos) {
    out.address = text.substr(0, colon);
    const char* end = text.data() + text.size();
    const auto [at, problem] = std::from_chars(text.data() + colon + 1, end, out.port);
    if (problem == std::errc() && at == end) return out;
  }
  fail(ErrorKind::InvalidRequest, "--metrics-listen: expected ADDRESS:PORT, got '{}'", text);
}

// A server and its life.
class Life {
 public:
  explicit Life(const ServeOptions& o)
      : options_(o),
        log_(o.log),
        server_(gate_options(o), read_keys(o), limits_of(o)),
        http_(
            o.http, [this](const Request& r) { return admit(server_, r); },
            [this](const ExchangePtr& e) { dispatch(server_, e); }, log_) {
    server_.metrics_on = o.metrics;
    http_.on_response([this](const Request& r, Response& out) { add_cors(r, server_.gate_options, out); });
    http_.on_answered([this](const Answered& a) {
      server_.http_counters.add(a);
      log_.request(a, server_.owner(a.request));
    });
    http_.on_signals({SIGTERM, SIGINT, SIGHUP}, [this](int signal) { on_signal(signal); });
    http_.every(kLookAfter_s, [this] { end_when_idle(); });
    http_.every(kSweep_s, [this] {
      if (server_.is_open()) server_.jobs().sweep();
    });
    if (const auto seconds = watchdog_seconds()) http_.every(*seconds, [] { tell_service_manager("WATCHDOG=1"); });
    if (o.metrics_listen) listen_for_metrics(metrics_address(*o.metrics_listen));
  }

  void run() {
    log_.say(fmt::format("listening on {}://{}:{}", options_.http.tls ? "https" : "http",
                         options_.http.address.find(':') == std::string::npos ? options_.http.address
                                                                              : "[" + options_.http.address + "]",
                         http_.port()));
    std::thread opener([this] { open(); });
    std::thread metrics;
    if (metrics_http_) metrics = std::thread([this] { metrics_http_->run(); });
    http_.run();
    tell_service_manager("STOPPING=1");
    opener.join();
    server_.close();
    if (metrics_http_) {
      metrics_http_->stop();
      metrics.join();
    }
    if (failure_) throw Error(*failure_);
    log_.say("ended");
  }

 private:
  void listen_for_metrics(const HttpOptions& where) {
    metrics_http_ = std::make_unique<HttpServer>(
        where,
        [this](const Request& r) -> std::optional<Response> {
          if (r.path == "/metrics" && r.method == "GET") return metrics_answer(server_);
          return error_answer(404, Error(ErrorKind::InvalidRequest, "only /metrics is here"));
        },
        [](const ExchangePtr&) {}, log_);
  }

  void open() {
    try {
      server_.open(open_model(options_.model, options_.engine, options_.service, server_.limits, log_));
      log_.say(fmt::format("{} is open: {} threads, {}", server_.model().name, server_.model().threads,
                           server_.model().precision));
      tell_service_manager("READY=1");
    } catch (const Error& error) {
      failure_ = error;
      http_.stop();
    } catch (const std::exception& error) {
      failure_ = Error(ErrorKind::Internal, error.what());
      http_.stop();
    }
  }

  void on_signal(int signal) {
    if (signal == SIGHUP) return reload();
    if (draining_since_) return http_.stop();  // somebody means it
    draining_since_ = std::chrono::steady_clock::now();
    log_.say(fmt::format("ending: what is there is finished, for {} s at most; another signal ends at once",
                         options_.shutdown_s));
    server_.drain();
  }

  void end_when_idle() {
    if (!draining_since_) return;
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - *draining_since_).count();
    const bool is_late = seconds > options_.shutdown_s;
    if (is_late) server_.slow_lane.interrupt();
    if (is_late && server_.is_open()) server_.jobs().cancel_all(CancelReason::Shutdown);
    if (is_late || !server_.is_open() || server_.jobs().is_idle()) http_.drain();
    if (seconds > options_.shutdown_s + kLastAnswers_s) http_.stop();
  }

  void reload() {
    http_.reload_tls();
    if (!options_.api_key_file) return;
    try {
      server_.replace_keys(ApiKeys::read(*options_.api_key_file));
      log_.say("keys read anew");
    } catch (const Error& error) {
      log_.warn("the keys stay what they were: {}", error.message());
    }
  }

  static constexpr double kLastAnswers_s = 5;
  const ServeOptions& options_;
  LineLog log_;
  Server server_;
  std::optional<std::chrono::steady_clock::time_point> draining_since_;
  std::optional<Error> failure_;
  std::unique_ptr<HttpServer> metrics_http_;
  HttpServer http_;  // last: it answers with what is above
};

}  // namespace

void serve(const ServeOptions& options) { Life(options).run(); }

}  // namespace newbie
