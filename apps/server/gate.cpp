#include "gate.h"

#include <algorithm>

#include "answers.h"
#include "core/error.h"

namespace newbie {

namespace {

constexpr const char* kMethods = "GET, POST, DELETE, HEAD, OPTIONS";
constexpr const char* kAllowedHeaders = "Authorization, Content-Type, Last-Event-ID";
constexpr const char* kReadableHeaders = "X-Job-Id, X-Request-Id, Location, Retry-After";

// "name", "name:7860", "[::1]:7860" without the port.
std::string_view host_without_port(std::string_view host) {
  if (host.starts_with('[')) return host.substr(0, std::min(host.find(']'), host.size() - 1) + 1);
  return host.substr(0, host.find(':'));
}

bool is_listed(const std::vector<std::string>& list, std::string_view wanted) {
  return std::any_of(list.begin(), list.end(),
                     [&](const std::string& one) { return equal_ignoring_case(one, wanted); });
}

bool is_known_host(std::string_view host, const GateOptions& options) {
  const std::string_view name = host_without_port(host);
  for (const char* own : {"localhost", "127.0.0.1", "[::1]"})
    if (equal_ignoring_case(name, own)) return true;
  return is_listed(options.hosts, name);
}

bool changes_something(const Request& r) { return r.method != "GET" && r.method != "HEAD" && r.method != "OPTIONS"; }

// The page that sends it was served by this server.
bool is_own_origin(std::string_view origin, const Request& r) {
  const size_t scheme = origin.find("://");
  if (scheme == std::string_view::npos) return false;
  const std::string_view name = origin.substr(0, scheme);
  return (name == "http" || name == "https") && equal_ignoring_case(origin.substr(scheme + 3), r.header_or("Host", ""));
}

Response refusal(const Request& r, int status, std::string message, std::string hint) {
  return error_answer(status, Error(ErrorKind::InvalidRequest, std::move(message), std::move(hint)),
                      dialect_of(r.path));
}

std::optional<Response> check_site(const Request& r, const GateOptions& options) {
  if (const std::string* origin = r.header("Origin")) {
    if (is_own_origin(*origin, r) || is_listed(options.origins, *origin)) return std::nullopt;
    return refusal(r, 403, fmt::format("Origin: {}: a page of another site may not do this", *origin),
                   "list it with --cors if it may; behind a proxy that changes Host, list the address people see");
  }
  const std::string_view site = r.header_or("Sec-Fetch-Site", "");
  if (site.empty() || equal_ignoring_case(site, "same-origin") || equal_ignoring_case(site, "none"))
    return std::nullopt;
  return refusal(r, 403, fmt::format("Sec-Fetch-Site: {}: a page of another site may not do this", site),
                 "list its origin with --cors if it may");
}

// "x-stainless-os, content-type": nothing that would be another header of ours, and no wildcard.
bool is_list_of_names(std::string_view text) {
  while (true) {
    const size_t end = std::min(text.find(','), text.size());
    std::string_view name = text.substr(0, end);
    while (name.starts_with(' ')) name.remove_prefix(1);
    while (name.ends_with(' ')) name.remove_suffix(1);
    const auto is_proper = [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
    };
    if (name.empty() || !std::all_of(name.begin(), name.end(), is_proper)) return false;
    if (end == text.size()) return true;
    text.remove_prefix(end + 1);
  }
}

// Browsers ask before they send, and ask without a key.
std::optional<Response> preflight(const Request& r, const GateOptions& options) {
  if (r.method != "OPTIONS") return std::nullopt;
  const std::string_view origin = r.header_or("Origin", "");
  if (r.header("Access-Control-Request-Method") != nullptr && !is_listed(options.origins, origin))
    return refusal(r, 403, fmt::format("Origin: {}: not listed", origin), "list it with --cors");
  Response out;
  out.status = 204;
  out.set("Allow", kMethods);
  if (r.header("Access-Control-Request-Method") != nullptr) {
    out.set("Access-Control-Allow-Methods", kMethods);
    const std::string_view asked = r.header_or("Access-Control-Request-Headers", "");
    out.set("Access-Control-Allow-Headers", is_list_of_names(asked) ? std::string(asked) : kAllowedHeaders);
    out.set("Access-Control-Max-Age", "600");
  }
  return out;
}

}  // namespace

void check_origin(const std::string& origin) {
  const size_t scheme = origin.find("://");
  const std::string_view rest = scheme == std::string::npos ? "" : std::string_view(origin).substr(scheme + 3);
  const std::string_view name = std::string_view(origin).substr(0, std::min(scheme, origin.size()));
  if (origin.find('*') != std::string::npos)
    fail_with_hint(ErrorKind::InvalidRequest, "list each of them", "--cors: '{}': origins are compared as they are",
                   origin);
  const auto is_scheme_character = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
  };
  // Pages of these say "null".
  const bool has_none = name == "file" || name == "ftp" || name == "data";
  if (name.empty() || has_none || !std::all_of(name.begin(), name.end(), is_scheme_character) || rest.empty() ||
      rest.find_first_of("/?# @") != std::string_view::npos)
    fail_with_hint(ErrorKind::InvalidRequest, "as https://example.org or app://obsidian.md, without a slash at the end",
                   "--cors: '{}' is no origin", origin);
}

std::optional<Response> gate(const Request& r, const GateOptions& options, const ApiKeys& keys, bool is_open_to_all) {
  // A request without Host is HTTP/1.0, which no browser speaks.
  if (const std::string* host = r.header("Host"); options.is_loopback && host && !is_known_host(*host, options))
    return refusal(r, 421,
                   host->empty() ? "an empty Host is no name of this server"
                                 : fmt::format("Host: {}: not a name of this server", *host),
                   "add it with --host-name if it is one");
  if (auto answer = preflight(r, options)) return answer;
  if (changes_something(r))
    if (auto answer = check_site(r, options)) return answer;
  if (keys.empty() || is_open_to_all || keys.owner(r.header_or("Authorization", ""))) return std::nullopt;
  const std::string_view given = r.header_or("Authorization", "");
  const bool has_key = given.find_first_not_of(' ', std::min(given.find(' '), given.size())) != std::string_view::npos;
  Response out = refusal(r, 401, has_key ? "this key is none of this server's" : "a key is needed",
                         "Authorization: Bearer KEY, or Basic with the key as password");
  // Basic makes a browser ask with a window of its own. A page's script asks by itself, and would wait for that window.
  const bool by_script = r.header_or("Sec-Fetch-Dest", "") == "empty";
  out.set("WWW-Authenticate",
          by_script ? "Bearer realm=\"newbie\"" : "Basic realm=\"newbie\", Bearer realm=\"newbie\"");
  return out;
}

void add_cors(const Request& r, const GateOptions& options, Response& response) {
  if (options.origins.empty()) return;
  response.set("Vary", r.method == "OPTIONS" ? "Origin, Access-Control-Request-Headers" : "Origin");
  const std::string* origin = r.header("Origin");
  if (origin == nullptr || !is_listed(options.origins, *origin)) return;
  response.set("Access-Control-Allow-Origin", *origin);
  response.set("Access-Control-Expose-Headers", kReadableHeaders);
}

std::string owner_of(const Request& r, const ApiKeys& keys) {
  if (!keys.empty()) return keys.owner(r.header_or("Authorization", "")).value_or("");
  return "address " + r.client;
}

}  // namespace newbie
