#include "answers.h"

#include "client_words.h"
#include "core/utf8.h"
#include "serve/fitting.h"

namespace newbie {

namespace {

constexpr uint64_t kExactInDoubles = uint64_t{1} << 53;

int status_of(Refused why) {
  switch (why) {
    case Refused::QueueFull: return 429;
    case Refused::Draining:
    case Refused::Loading: return 503;
    case Refused::NotWritten: return 507;
    case Refused::UnknownJob: return 404;
    case Refused::ExpiredJob: return 410;
  }
  return 500;
}

OrderedJson fit_json(const TooLarge& error) {
  if (!error.fit()) return nullptr;
  const Fit& fit = *error.fit();
  OrderedJson request{
      {"batch", fit.request.batch}, {"vae_tiling", fit.request.vae_tile}, {"hires_scale", fit.request.hires_scale}};
  if (fit.request.width != 0) request["width"] = fit.request.width, request["height"] = fit.request.height;
  return {{"what", fit.what}, {"peak_bytes", fit.peak_bytes}, {"request", request}};
}

const char* openai_type(int status) {
  if (status == 401) return "authentication_error";
  if (status == 429) return "rate_limit_error";
  return status >= 499 ? "server_error" : "invalid_request_error";
}

// What programs tell it by.
std::string_view code_of(const Error& error) {
  if (const auto* refusal = dynamic_cast<const Refusal*>(&error)) return to_string(refusal->why());
  return to_string(error.kind());
}

}  // namespace

void refuse(std::string_view field, std::string message, std::string hint) {
  throw Error(ErrorKind::InvalidRequest, std::move(message), std::move(hint), std::string(field));
}

Refusal ending_refusal(std::string message) {
  constexpr int kRetryAfter_s = 5;
  return {Refused::Draining, std::move(message), "ask again when it is back", kRetryAfter_s};
}

std::string one_line(const OrderedJson& json) {
  return json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

Dialect dialect_of(std::string_view path) {
  if (path.starts_with("/sdapi/") || path.starts_with("/internal/")) return Dialect::A1111;
  return path.starts_with("/v1/images/") || path.starts_with("/v1/models") ? Dialect::OpenAi : Dialect::Own;
}

Response json_answer(int status, const OrderedJson& json) {
  Response out(status, "application/json", one_line(json) + "\n");
  out.set("Cache-Control", "no-store");
  out.set("X-Content-Type-Options", "nosniff");
  return out;
}

OrderedJson seed_json(uint64_t seed) {
  if (seed <= kExactInDoubles) return seed;
  return std::to_string(seed);
}

int status_of(const Error& error) {
  if (const auto* refusal = dynamic_cast<const Refusal*>(&error)) return status_of(refusal->why());
  switch (error.kind()) {
    case ErrorKind::InvalidRequest:
    case ErrorKind::BadFile: return 400;  // what came with the request is no picture, say
    case ErrorKind::Unsupported: return 422;
    case ErrorKind::OverBudget: return 507;
    case ErrorKind::Cancelled: return 499;
    case ErrorKind::Internal: return 500;
  }
  return 500;
}

// What clients sent may stand in these words, and is no longer there than a page.
constexpr size_t kLongestWords = 2000;

OrderedJson error_json(const Error& error, Dialect dialect) {
  const int status = status_of(error);
  const std::string message = beginning_of(message_in_words_of(dialect, error), kLongestWords),
                    hint = beginning_of(in_words_of(dialect, error.hint()), kLongestWords);
  if (dialect == Dialect::A1111)
    return {{"error", code_of(error)},
            {"detail", message},
            {"body", ""},
            {"errors", hint.empty() ? message : message + ": " + hint}};
  OrderedJson inside{{"message", message}, {"type", openai_type(status)}, {"param", nullptr}, {"code", code_of(error)}};
  if (!error.field().empty()) inside["param"] = beginning_of(field_in_words_of(dialect, error.field()), kLongestWords);
  if (dialect == Dialect::OpenAi && !hint.empty()) inside["message"] = fmt::format("{} ({})", message, hint);
  inside["kind"] = code_of(error);
  inside["hint"] = hint;
  if (const auto* large = dynamic_cast<const TooLarge*>(&error)) inside["would_fit"] = fit_json(*large);
  return {{"error", inside}};
}

Response error_answer(int status, const Error& error, Dialect dialect) {
  Response out = json_answer(status, error_json(error, dialect));
  if (const auto* refusal = dynamic_cast<const Refusal*>(&error); refusal != nullptr && refusal->retry_after_s() > 0)
    out.set("Retry-After", std::to_string(refusal->retry_after_s()));
  // Clients of OpenAI's kind ask again after every 5xx: here that would draw the same picture to the same end.
  if (status == 507 || status == 499) out.set("x-should-retry", "false");
  return out;
}

Response error_answer(const Error& error, Dialect dialect) {
  const bool invalid = error.kind() == ErrorKind::InvalidRequest && dynamic_cast<const Refusal*>(&error) == nullptr;
  return error_answer(dialect == Dialect::A1111 && invalid ? 422 : status_of(error), error, dialect);
}

}  // namespace newbie
