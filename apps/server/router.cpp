#include "router.h"

#include <atomic>
#include <memory>
#include <new>
#include <utility>

#include "quick_answers.h"

namespace newbie {

namespace {

// The part up to the next slash, which goes, too.
std::string_view next_step(std::string_view& path) {
  const size_t end = std::min(path.find('/'), path.size());
  const std::string_view step = path.substr(0, end);
  path.remove_prefix(std::min(path.size(), end + 1));
  return step;
}

bool matches(std::string_view pattern, std::string_view path, std::vector<std::string>& arguments) {
  arguments.clear();
  if (path.ends_with('/') != pattern.ends_with('/')) return false;
  pattern.remove_prefix(1);
  path.remove_prefix(1);
  while (!pattern.empty() && !path.empty()) {
    const std::string_view wanted = next_step(pattern), given = next_step(path);
    if (wanted.starts_with('{')) {
      if (given.empty()) return false;
      arguments.emplace_back(given);
    } else if (wanted != given) {
      return false;
    }
  }
  return pattern.empty() && path.empty();
}

bool answers(std::string_view route_method, std::string_view method) {
  return route_method == method || (route_method == "GET" && method == "HEAD");
}

Response failure(const Route& route) {
  try {
    throw;
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::Cancelled)
      return error_answer(ending_refusal("the server is ending"), route.dialect);
    return error_answer(error, route.dialect);
  } catch (const std::bad_alloc&) {
    return error_answer(503, Error(ErrorKind::OverBudget, "out of memory"), route.dialect);
  } catch (const std::exception& error) {
    return error_answer(500, Error(ErrorKind::Internal, error.what()), route.dialect);
  }
}

}  // namespace

const Route* find_route(std::string_view method, std::string_view path, std::vector<std::string>& arguments,
                        std::string& allowed) {
  for (const Route* route : routes()) {
    if (!matches(route->pattern, path, arguments)) continue;
    if (answers(route->method, method)) return route;
    allowed += (allowed.empty() ? "" : ", ") + std::string(route->method);
  }
  return nullptr;
}

namespace {

std::optional<Response> check_coding(const Request& request) {
  const std::string_view coding = request.header_or("Content-Encoding", "");
  if (coding.empty() || equal_ignoring_case(coding, "identity")) return std::nullopt;
  return error_answer(
      415,
      Error(ErrorKind::InvalidRequest, fmt::format("Content-Encoding: {}: bodies are read as they are", coding),
            "send it uncompressed"),
      dialect_of(request.path));
}

}  // namespace

std::optional<Response> admit(const Server& server, const Request& request) {
  std::vector<std::string> ignored;
  std::string allowed;
  const Route* route = find_route(request.method, request.path, ignored, allowed);
  const bool is_open = route != nullptr && route->is_open_to_all;
  if (auto refusal = gate(request, server.gate_options, *server.keys(), is_open)) return refusal;
  if (auto refusal = check_coding(request)) return refusal;
  return quick_answer(request, server);
}

namespace {

void run_route(const Route& route, Server& server, const ExchangePtr& exchange, std::vector<std::string> arguments,
               StopToken stop = {}) {
  try {
    route.run({server, exchange, std::move(arguments), server.owner(exchange->request()), stop});
  } catch (...) {
    exchange->respond(failure(route));
  }
}

}  // namespace

void dispatch(Server& server, const ExchangePtr& exchange) {
  const Request& request = exchange->request();
  std::vector<std::string> arguments;
  std::string allowed;
  const Route* route = find_route(request.method, request.path, arguments, allowed);
  if (route == nullptr) {
    Response out =
        error_answer(allowed.empty() ? 404 : 405,
                     Error(ErrorKind::InvalidRequest,
                           allowed.empty() ? "there is no such address here" : "this address has another method",
                           allowed.empty() ? "GET /openapi.json lists them" : allowed),
                     dialect_of(request.path));
    if (!allowed.empty()) out.set("Allow", allowed);
    return exchange->respond(std::move(out));
  }
  if (route->work == RouteWork::Quick) return run_route(*route, server, exchange, std::move(arguments));
  const auto has_left = std::make_shared<std::atomic<bool>>(false);
  if (route->work == RouteWork::PlansForWaiting) exchange->when_gone([has_left] { *has_left = true; });
  server.slow_lane.post([&server, exchange, route, has_left, arguments = std::move(arguments)] {
    if (!*has_left)
      run_route(*route, server, exchange, arguments, StopToken(has_left.get(), &server.slow_lane.interrupted()));
  });
}

}  // namespace newbie
