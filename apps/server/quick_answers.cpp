#include "quick_answers.h"

#include "answers.h"
#include "metrics.h"

namespace newbie {

Response health_answer() { return json_answer(200, {{"status", "ok"}, {"version", NEWBIE_VERSION}}); }

Response ready_answer(const Server& server) {
  const bool is_ready = server.is_open() && !server.is_draining();
  Response out = json_answer(is_ready ? 200 : 503, {{"ready", is_ready},
                                                    {"state", server.is_draining() ? "draining"
                                                              : server.is_open()   ? "ready"
                                                                                   : "loading"}});
  if (!is_ready) out.set("Retry-After", "5");
  return out;
}

Response metrics_answer(const Server& server) {
  std::optional<ServiceCounters> jobs;
  if (server.is_open()) jobs = server.jobs().counters();
  Response out(200, "text/plain; version=0.0.4; charset=utf-8",
               metrics_text(jobs ? &*jobs : nullptr, server.http_counters));
  out.set("Cache-Control", "no-store");
  return out;
}

std::optional<Response> quick_answer(const Request& request, const Server& server) {
  if (request.method != "GET" && request.method != "HEAD") return std::nullopt;
  if (request.path == "/health") return health_answer();
  if (request.path == "/ready") return ready_answer(server);
  return std::nullopt;
}

}  // namespace newbie
