// Jobs as JSON: what GET /v1/jobs/ID answers.
#pragma once

#include "core/json.h"
#include "serve/job_entry.h"

namespace newbie {

// No picture is inside: a list of two hundred is small.
OrderedJson job_json(const JobView& job);
OrderedJson job_row(const JobView& job);  // of a list: without plan, guard and warnings

// "newbie-7-0a1b2c3d.png": never anybody's words.
std::string picture_file_name(const JobView& job, size_t index);

}  // namespace newbie
