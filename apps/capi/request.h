// Requests of C programs, struct or JSON, as the engine takes them.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "bridge.h"
#include "core/log.h"
#include "generate/request_json.h"
#include "text/prompt_tokens.h"

namespace newbie {

GenerateRequest request_of(const newbie_request* given);

// How pictures are read from files.
struct PictureFiles {
  size_t memory_bytes;
  Log& log;
};

// A request in JSON; its pictures are files, whose names stay in `names` by field.
struct JsonRequest {
  GenerateRequest request;
  std::map<std::string_view, std::string> names;
};
JsonRequest request_of_json(const char* given, const PictureFiles& files);

// Puts a picture in memory into its field. Error{InvalidRequest} when there is no such field, or it has one already.
void take_input(const newbie_input* given, const PictureFiles& files, GenerateRequest& request);

}  // namespace newbie
