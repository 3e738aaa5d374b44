// newbie serve: all parts of the server put together, and its life from the first connection to the last.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "gate.h"
#include "http/server.h"
#include "line_log.h"
#include "serve/job_service.h"
#include "server.h"

namespace newbie {

struct ServeOptions {
  ModelPaths model;
  EngineOptions engine;
  HttpOptions http;
  GateOptions gate;  // is_loopback is found by itself
  ServiceOptions service;
  ServerLimits limits;
  LogOptions log;
  std::optional<std::filesystem::path> api_key_file;
  bool insecure = false;  // any address without keys
  bool metrics = false;
  std::optional<std::string> metrics_listen;  // "127.0.0.1:9090": metrics alone, without a key
  double shutdown_s = 60;                     // after SIGTERM, for what is being drawn
};

// Listens at once, opens the model, and returns after SIGTERM or SIGINT: what waits and runs is finished, for
// `shutdown_s` at most; a second signal ends at once. SIGHUP reads keys and certificate anew. Error before listening:
// {InvalidRequest} for options that do not go together, {BadFile} for files, the port, the journal; and those of
// opening the model.
void serve(const ServeOptions& options);

}  // namespace newbie
