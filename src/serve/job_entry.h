// A job: a request that somebody sent, what became of it, and what it gave.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"
#include "generate/guard_mode.h"
#include "generate/memory_plan.h"
#include "generate/request.h"
#include "image/picture_format.h"
#include "serve/event_log.h"
#include "serve/job_engine.h"
#include "serve/job_log.h"
#include "serve/job_state.h"

namespace newbie {

// What is asked for.
struct Submission {
  GenerateRequest request;
  std::string owner;      // the name of its key, or whatever tells clients apart: others do not see the job
  std::string origin;     // the interface it came by: "jobs", "openai", "a1111"
  std::string client_id;  // the client's own name for it; may be empty
  PictureFormat format = PictureFormat::Png;
  int quality = 95;       // of JPEG and WebP
  std::string precision;  // a preset's name (compile/precision.h); empty: the engine's own
  // As it can be read again after a restart (ServiceOptions::read_request); empty: it does not outlive the process.
  std::string text;
  std::vector<std::string> notes;  // what is told of it before it is drawn: the job's first warnings
  double patience_s = 0;           // nobody waits longer than this; 0: for ever
  bool keep_preview = false;       // the last one is made even if nobody listens
  bool all_previews = false;       // also where making them takes more than a small part of the time
};

// A finished picture: the bytes of its file, as the command line would have written it.
struct JobPicture {
  uint64_t seed = 0;
  int width = 0, height = 0;
  size_t file_bytes = 0;
  std::string sha256;        // of the file, where a journal keeps it; records of earlier versions have none
  std::string parameters;    // A1111's text form
  std::string request_json;  // everything needed to draw it again

  std::shared_ptr<const std::vector<std::byte>> bytes;  // null: the journal has them
};

// How one was read off the clock; in seconds since 1970, 0: not yet.
struct JobTimes {
  double created = 0, started = 0, ended = 0;
};

struct JobPreview {
  int picture = 0, step = 0, steps = 0;
  std::shared_ptr<const std::vector<std::byte>> bytes;  // a JPEG
};

// What a job looks like from outside at one moment. No payload is copied.
struct JobView {
  std::string id, owner, origin, client_id;
  JobState state = JobState::Queued;
  size_t position = 0;  // 1: next; 0: it does not wait
  std::string stage;
  double progress = 0;  // 0 … 1, never falling
  int step = 0, steps = 0, picture = 0;
  std::optional<double> seconds_left;
  JobTimes times;
  PictureFormat format = PictureFormat::Png;
  std::string precision;  // asked for; empty: the engine's own
  std::shared_ptr<const MemoryPlan> plan;
  std::vector<std::string> warnings;
  std::vector<GuardEvent> guard_events;
  std::vector<JobPicture> pictures;
  std::optional<JobPreview> preview;
  std::optional<Error> error;  // of a failed or cancelled job
  bool interrupted = false;    // cancelled by the end of the process: in the journal it stays unfinished
  std::shared_ptr<const std::string> text;
};

// The job itself. All members but `stop` are its service's, under the service's lock.
struct JobEntry {
  explicit JobEntry(JobView made) : view(std::move(made)) {}

  JobView view;
  std::shared_ptr<const GenerateRequest> request;  // until it has ended
  std::shared_ptr<JobLog> log = std::make_shared<JobLog>();
  // Of a job that is drawn at once; one that waits is prepared again, and takes no memory for it meanwhile. It uses
  // `log`.
  std::unique_ptr<PreparedDrawing> prepared;
  int quality = 95;
  double deadline = 0;
  size_t held_bytes = 0;  // of the pictures it starts from, until it has ended
  bool keep_preview = false, all_previews = false;
  std::atomic<bool> stop{false};
  std::string stop_reason;
  bool journaled = false;
  EventLog events;
  std::vector<std::weak_ptr<const std::function<void()>>> listeners;
};

}  // namespace newbie
