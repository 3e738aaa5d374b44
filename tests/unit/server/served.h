// A whole server on loopback, on an engine that draws as far as a test lets it, and clients for it.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "core/json.h"
#include "http/server.h"
#include "router.h"
#include "server.h"
#include "unit/http/client.h"
#include "unit/serve/made_up_engine.h"

namespace newbie {

class Served {
 public:
  struct Options {
    GateOptions gate;
    ApiKeys keys;
    ServiceOptions service;
    bool opens = true;
  };
  Served() : Served(Options{}) {}
  explicit Served(Options options)
      : server(options.gate, std::move(options.keys), {}),
        http(
            {}, [this](const Request& r) { return admit(server, r); },
            [this](const ExchangePtr& e) { dispatch(server, e); }, silent_log()) {
    http.on_response([this](const Request& r, Response& out) { add_cors(r, server.gate_options, out); });
    http.on_answered([this](const Answered& a) { server.http_counters.add(a); });
    if (options.opens) open(options.service);
    thread = std::thread([this] { http.run(); });
  }
  ~Served() {
    if (engine != nullptr) engine->release();
    http.stop();
    thread.join();
    server.close();
  }

  void open(const ServiceOptions& service = {}) {
    auto model = std::make_unique<OpenModel>();
    auto made = std::make_unique<MadeUpEngine>();
    engine = made.get();
    model->name = "avatar";
    model->default_size = {64, 64};
    model->engine = std::move(made);
    model->count_tokens = [](std::string_view text, const PromptTree&, const TokenOptions&) {
      PromptTokens tokens;
      tokens.gemma.used = text.size();
      return tokens;
    };
    model->jobs = std::make_unique<JobService>(*model->engine, service, silent_log());
    server.open(std::move(model));
  }

  HttpAnswer ask(const std::string& method, const std::string& target, const std::string& body = {},
                 const std::string& headers = {}) {
    RawClient client(http.port());
    client.send(http_request(method, target, body, headers));
    return parse_answer(client.read_all());
  }
  HttpAnswer post(const std::string& target, const OrderedJson& json, const std::string& headers = {}) {
    return ask("POST", target, json.dump(), "Content-Type: application/json\r\n" + headers);
  }
  HttpAnswer get(const std::string& target, const std::string& headers = {}) { return ask("GET", target, {}, headers); }

  // GET /v1/jobs/ID until it is in a final state.
  OrderedJson wait_for_end(const std::string& id) {
    while (true) {
      OrderedJson job = get("/v1/jobs/" + id).json();
      const std::string state = job["state"];
      if (state == "done" || state == "failed" || state == "cancelled") return job;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }

  Server server;
  MadeUpEngine* engine = nullptr;
  HttpServer http;
  std::thread thread;
};

}  // namespace newbie
