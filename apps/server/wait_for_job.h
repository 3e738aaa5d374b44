// Answers that wait: of a job's end, or of each thing that happens to it.
#pragma once

#include <functional>

#include "call.h"

namespace newbie {

// Hands the job in and, when it has ended, calls `answer` once, on one of the job's threads. The client waits: if it
// goes, its job goes, too. Errors of submit() are thrown.
void submit_and_wait(const Call& call, Submission submission, std::function<Response(const JobView&)> answer);

// The same for several: handed in all or none, and all over when `answer` is called.
using WhenEnded = std::function<Response(const std::vector<JobView>& ended)>;
void submit_and_wait(const Call& call, std::vector<Submission> submissions, WhenEnded answer);

// The same as a stream of server-sent events: `on_event` writes what it makes of each of the job `id`'s, on the thread
// where it happens.
using OnEvent = std::function<std::string(const JobEvent& event, const std::string& id)>;
void submit_and_stream(const Call& call, Submission submission, OnEvent on_event);

// A stream of everything that happens to a job that is there, from event `after` on, as EventLog writes it. The client
// may go: the job stays. Any number may listen: the thread that draws rings, all else is the I/O thread's.
void stream_job(const Call& call, const std::string& id, uint64_t after);

}  // namespace newbie
