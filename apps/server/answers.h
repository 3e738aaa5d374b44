// What the server says: JSON, and errors in the one place where their kinds become statuses.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/error.h"
#include "core/json.h"
#include "http/response.h"
#include "serve/refusal.h"

namespace newbie {

// Whose clients read the answer.
enum class Dialect {
  Own,     // {"error": {kind, message, hint, field, …}}
  OpenAi,  // {"error": {message, type, param, code}}
  A1111,   // {"error", "detail", "body", "errors"}
};

// Of whoever asks for such a path, also where nothing is there.
Dialect dialect_of(std::string_view path);

Response json_answer(int status, const OrderedJson& json);

// Error → status, headers (Retry-After; x-should-retry where asking again does not help) and body. A plan that is too
// large says what would fit.
int status_of(const Error& error);
Response error_answer(const Error& error, Dialect dialect = Dialect::Own);
Response error_answer(int status, const Error& error, Dialect dialect = Dialect::Own);
OrderedJson error_json(const Error& error, Dialect dialect);

// What the end of the process cut short: worth asking again.
Refusal ending_refusal(std::string message);

// A seed as JSON: a number as far as every reader keeps it exact (2^53), beyond that its digits as text.
OrderedJson seed_json(uint64_t seed);

// Error{InvalidRequest} with the field that is to blame; "": the request as a whole.
[[noreturn]] void refuse(std::string_view field, std::string message, std::string hint = {});

std::string one_line(const OrderedJson& json);  // whatever bytes are in it

}  // namespace newbie
