// OpenAI's picture requests as ours: what is known there by another name, what is accepted and means nothing here, and
// what would be another picture than the one asked for.
#pragma once

#include "http/multipart.h"
#include "own_request.h"

namespace newbie {

struct OpenAiRequest {
  Submission submission;
  bool is_stream = false;
  int partial_images = 0;  // 0 to 3
  bool wants_url = false;  // response_format "url": a data URL, as nothing else of ours is reachable for everybody
};

// Of /v1/images/generations. Fields of our own stand beside OpenAI's at top level. Error{InvalidRequest} naming the
// field.
OpenAiRequest openai_request(const Call& call, OrderedJson json);

// The form of /v1/images/edits: one picture to start from ("image" or "image[]"), perhaps a mask whose clear parts are
// repainted; every other part is a field as text.
OpenAiRequest openai_edit(const Call& call, const std::vector<FormPart>& parts);

}  // namespace newbie
