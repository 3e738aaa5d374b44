// Answers that wait for nothing: given on the I/O thread, while every other thread is busy.
#pragma once

#include <optional>

#include "server.h"

namespace newbie {

Response health_answer();
Response ready_answer(const Server& server);
Response metrics_answer(const Server& server);

// /health and /ready, whoever asks; nothing for the rest.
std::optional<Response> quick_answer(const Request& request, const Server& server);

}  // namespace newbie
