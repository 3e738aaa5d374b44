// Names of jobs: 128 random bits, so that knowing one's own tells nothing about another's.
#pragma once

#include <string>
#include <string_view>

namespace newbie {

// 32 hexadecimal digits; with a worker's name "NAME-" before them, by which a proxy finds the process that has the job.
// Error{Internal} when the system has no random bytes.
std::string new_job_id(std::string_view worker);

// Whether new_job_id could have made it: what is none is no file name either.
bool is_job_id(std::string_view text);

// Whether it may stand before ids and in the names of files: 1 to 32 of a-z, A-Z, 0-9.
bool is_worker_name(std::string_view text);

}  // namespace newbie
