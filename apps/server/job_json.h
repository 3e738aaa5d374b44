// Jobs as JSON: what GET /v1/jobs/ID answers.
#pragma once

#include "answers.h"
#include "core/json.h"
#include "serve/job_entry.h"

namespace newbie {

// No picture is inside: a list of two hundred is small.
OrderedJson job_json(const JobView& job);
OrderedJson job_row(const JobView& job);  // of a list: without plan, guard and warnings

// Of a job that failed or was cancelled. One that the end of the process stopped is worth asking for again: 503.
Response failure_answer(const JobView& job, Dialect dialect);
OrderedJson failure_json(const JobView& job, Dialect dialect);  // where the answer has begun, or is about the job

// "newbie-7-0a1b2c3d.png": never anybody's words.
std::string picture_file_name(const JobView& job, size_t index);

}  // namespace newbie
