// A1111's settings: what GET /sdapi/v1/options tells, and what requests would override.
#pragma once

#include <string>
#include <vector>

#include "server.h"

namespace newbie {

OrderedJson a1111_settings(const Server& server);

// One model is open. Error{InvalidRequest} when "sd_model_checkpoint" names another.
void check_checkpoint(const Server& server, const OrderedJson& settings);

// What "override_settings" says and is not so here: a note each. Error like check_checkpoint().
void take_overrides(const Server& server, const OrderedJson& overrides, std::vector<std::string>& notes);

}  // namespace newbie
