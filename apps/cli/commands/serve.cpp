// newbie serve: one loaded engine for many, over HTTP. What it does is in apps/server; the words for it are here.
#include <cstdio>
#include <memory>

#include "arguments.h"
#include "commands/commands.h"
#include "flags.h"
#ifdef NEWBIE_SERVER
#include "serve.h"
#include "serve/job_id.h"
#endif

namespace newbie {

#ifdef NEWBIE_SERVER

namespace {

constexpr uint16_t kPort = 7860;

struct ServeArguments {
  EngineArguments engine;
  ServeOptions serve;
  std::optional<std::string> certificate, key;
  size_t keep_bytes = 0, body_bytes = 0;
};

void add_network_flags(CLI::App& parser, ServeArguments& a) {
  Flags flags(parser, "Network");
  HttpOptions& http = a.serve.http;
  http.port = kPort;
  flags.text("--host", http.address, "ADDRESS",
             fmt::format("to listen on (default: {}); another needs keys", http.address));
  flags.integer("--port", http.port, fmt::format("(default: {}; 0: any that is free)", kPort), 0, 65535);
  flags.text("--tls-cert", a.certificate, "FILE", "certificate in PEM, with --tls-key; read anew on SIGHUP");
  flags.text("--tls-key", a.key, "FILE", "its key");
  flags.values("--host-name", "NAME", "on loopback: another name it is asked by (again for more)", a.serve.gate.hosts);
  flags.values("--cors", "ORIGIN", "a site whose pages may use it, as https://example.org (again for more)",
               a.serve.gate.origins);
  flags.value("--max-body", "SIZE", "of a request, base64 counted (default: 64MiB)",
              [&http](const std::string& text) { http.body_bytes = parse_bytes("--max-body", text); });
  flags.integer("--max-connections", http.connections, fmt::format("(default: {})", http.connections), 1, 65536);
}

void add_safety_flags(CLI::App& parser, ServeArguments& a) {
  Flags flags(parser, "Who may");
  flags.text("--api-key-file", a.serve.api_key_file, "FILE", "lines of \"name: key\"; read anew on SIGHUP");
  flags.flag("--insecure", a.serve.insecure, "listen on any address without keys");
}

void add_job_flags(CLI::App& parser, ServeArguments& a) {
  Flags flags(parser, "Jobs");
  ServiceOptions& service = a.serve.service;
  flags.integer("--queue", service.queue, fmt::format("jobs that may wait (default: {})", service.queue), 1, 100000);
  flags.integer("--parallel", service.parallel, "jobs that draw at a time, as far as memory goes (default: 1)", 1, 64);
  flags.text("--jobs", service.journal, "DIR", "where jobs are written down: finished pictures outlive the process");
  flags.flag("--resume-jobs", service.resume, "draw unfinished jobs of an earlier process again");
  flags.value("--keep", "SIZE", "of finished pictures (default: 1GiB)",
              [&service](const std::string& text) { service.store.bytes = parse_bytes("--keep", text); });
  flags.real("--keep-seconds", service.store.seconds,
             fmt::format("that a finished job is kept (default: {})", service.store.seconds));
  flags.text("--worker-name", service.worker, "NAME", "stands before ids of jobs, for a proxy to find them by");
  flags.real("--shutdown-timeout", a.serve.shutdown_s,
             fmt::format("seconds after SIGTERM for what is there (default: {})", a.serve.shutdown_s));
}

void add_watch_flags(CLI::App& parser, ServeArguments& a) {
  Flags flags(parser, "Messages");
  flags.flag("--metrics", a.serve.metrics, "GET /metrics for Prometheus, with a key where there are keys");
  flags.text("--metrics-listen", a.serve.metrics_listen, "ADDRESS:PORT", "the same there, without a key");
  flags.flag("--log-json", a.serve.log.json, "the log as a JSON object a line");
  flags.switch_off("--no-log-requests", a.serve.log.requests, "no line for each request");
  flags.flag("-v,--verbose", a.serve.log.verbose, "information, too");
}

void run(ServeArguments& a) {
  if (a.certificate.has_value() != a.key.has_value())
    fail(ErrorKind::InvalidRequest, "--tls-cert and --tls-key go together");
  if (a.certificate) a.serve.http.tls = TlsFiles{*a.certificate, *a.key};
  if (a.serve.service.resume && !a.serve.service.journal)
    fail_with_hint(ErrorKind::InvalidRequest, "--jobs DIR says where", "--resume-jobs: jobs are not written down");
  if (!a.serve.service.worker.empty() && !is_worker_name(a.serve.service.worker))
    fail(ErrorKind::InvalidRequest, "--worker-name: expected 1 to 32 letters and digits, got '{}'",
         a.serve.service.worker);
  a.serve.model = a.engine.model;
  a.serve.engine = a.engine.options;
  a.serve.engine.adapters.only_there = true;  // a client names an adapter, never a path of this machine
  a.serve.log.put = [](std::string_view line) { std::fwrite(line.data(), 1, line.size(), stderr); };
  serve(a.serve);
}

}  // namespace

Command add_serve(CLI::App& program) {
  CLI::App& parser = *program.add_subcommand("serve", "draw for programs and people over HTTP");
  const auto args = std::make_shared<ServeArguments>();
  add_network_flags(parser, *args);
  add_safety_flags(parser, *args);
  add_job_flags(parser, *args);
  add_engine_flags(parser, args->engine);
  add_watch_flags(parser, *args);
  parser.footer(R"(Speaks its own interface (/v1/jobs), OpenAI's (/v1/images) and AUTOMATIC1111's (/sdapi/v1);
GET /openapi.json lists all of it. SIGTERM finishes what is there, twice ends at once.

Examples:
  newbie serve
  newbie serve --host 0.0.0.0 --api-key-file keys.txt --jobs /var/lib/newbie
  curl -d '{"prompt": "1girl, smile", "seed": 7}' http://127.0.0.1:7860/v1/jobs)");
  return {&parser, [args] { run(*args); }};
}

#else

Command add_serve(CLI::App& program) {
  CLI::App& parser = *program.add_subcommand("serve", "draw over HTTP (this program was built without it)");
  return {&parser, [] {
            fail_with_hint(ErrorKind::Unsupported, "configure with -DNEWBIE_SERVER=ON (libboost1.81-dev)",
                           "this program was built without a server");
          }};
}

#endif

}  // namespace newbie
