// /v1/jobs: a request is handed in, looked at, and its pictures are fetched. A client may go and come back.
#include <charconv>

#include "job_json.h"
#include "own_request.h"
#include "routes/all.h"
#include "serve/picture_kind.h"
#include "wait_for_job.h"

namespace newbie {

namespace {

constexpr size_t kMostListed = 200;

// The digits at the front of a path's last step: "0.png" is 0.
size_t index_of(std::string_view text, std::string_view extension) {
  size_t index = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), index);
  const std::string_view rest(end, static_cast<size_t>(text.data() + text.size() - end));
  if (problem != std::errc() || (!rest.empty() && rest != extension))
    throw Refusal(Refused::UnknownJob,
                  fmt::format("there is no picture of that name: they are 0{}, 1{} …", extension, extension));
  return index;
}

void submit_job(const Call& call) {
  const std::string id = call.server.jobs().submit(own_submission(call, call.json()), call.stop);
  Response out = json_answer(202, job_json(call.server.jobs().view(id, call.owner)));
  out.set("Location", "/v1/jobs/" + id);
  out.set("X-Job-Id", id);
  call.answer(std::move(out));
}

void list_jobs(const Call& call) {
  size_t most = 50;
  if (const std::string* given = call.request().query_value("most")) {
    const auto [end, problem] = std::from_chars(given->data(), given->data() + given->size(), most);
    if (problem != std::errc() || *end != '\0' || most < 1 || most > kMostListed)
      throw Error(ErrorKind::InvalidRequest, fmt::format("expected 1 to {}", kMostListed), "", "most");
  }
  const std::string* before = call.request().query_value("before");
  OrderedJson jobs = OrderedJson::array();
  for (const JobView& job : call.server.jobs().list(call.owner, most, before == nullptr ? "" : *before))
    jobs.push_back(job_row(job));
  call.answer({{"jobs", std::move(jobs)}});
}

void get_job(const Call& call) { call.answer(job_json(call.server.jobs().view(call.arguments[0], call.owner))); }

void delete_job(const Call& call) {
  const JobView job = call.server.jobs().cancel(call.arguments[0], call.owner);
  call.answer(job_json(job), job.state == JobState::Stopping ? 202 : 200);
}

void front_job(const Call& call) { call.answer(job_json(call.server.jobs().to_front(call.arguments[0], call.owner))); }

void job_events(const Call& call) {
  uint64_t after = 0;
  const std::string_view last = call.request().header_or("Last-Event-ID", "");
  std::from_chars(last.data(), last.data() + last.size(), after);  // whatever else it says: from the beginning
  stream_job(call, call.arguments[0], after);
}

void job_picture(const Call& call) {
  const JobView job = call.server.jobs().view(call.arguments[0], call.owner);
  const PictureKind& kind = kind_of(job.format);
  const size_t index = index_of(call.arguments[1], kind.extension);
  Response out;
  out.bytes = call.server.jobs().picture(job.id, call.owner, index);
  out.set("Content-Type", kind.media_type);
  out.set("Content-Disposition", fmt::format("inline; filename=\"{}\"", picture_file_name(job, index)));
  out.set("Cache-Control", "private, max-age=31536000, immutable");
  out.set("X-Content-Type-Options", "nosniff");
  call.answer(std::move(out));
}

}  // namespace

const Route submit_job_route{"POST",          "/v1/jobs", Dialect::Own,
                             false,           submit_job, "Hand in a request; it is drawn when its turn comes",
                             RouteWork::Plans};
const Route list_jobs_route{"GET", "/v1/jobs", Dialect::Own, false, list_jobs, "One's jobs, the latest first"};
const Route get_job_route{"GET", "/v1/jobs/{id}", Dialect::Own,
                          false, get_job,         "A job: state, place, progress, plan, pictures"};
const Route delete_job_route{"DELETE", "/v1/jobs/{id}", Dialect::Own, false, delete_job, "Cancel a job"};
const Route front_job_route{
    "POST", "/v1/jobs/{id}/front", Dialect::Own, false, front_job, "Draw it before one's other jobs"};
const Route job_events_route{
    "GET", "/v1/jobs/{id}/events", Dialect::Own, false, job_events, "What happens to it, as server-sent events"};
const Route job_picture_route{
    "GET", "/v1/jobs/{id}/pictures/{index}", Dialect::Own, false, job_picture, "A picture's file"};

}  // namespace newbie
