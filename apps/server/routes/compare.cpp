// /v1/compare: one request drawn in two precisions, and how far apart its pictures are. The client waits; if it goes,
// both go, too.
#include <algorithm>
#include <cmath>

#include "evaluate/picture_metrics.h"
#include "image/picture_format.h"
#include "job_json.h"
#include "own_request.h"
#include "routes/all.h"
#include "wait_for_job.h"

namespace newbie {

namespace {

OrderedJson distance_json(const Image& a, const Image& b) {
  const double decibels = psnr(a, b);
  return {{"identical", a == b},
          {"different", share_beyond(a, b, 0)},
          {"psnr", std::isfinite(decibels) ? OrderedJson(decibels) : OrderedJson(nullptr)}};
}

Response compared(JobService& jobs, const std::string& owner, const std::vector<JobView>& ended) {
  for (const JobView& job : ended)
    if (job.state != JobState::Done) return failure_answer(job, Dialect::Own);
  OrderedJson both = OrderedJson::array(), distances = OrderedJson::array();
  for (const JobView& job : ended) both.push_back(job_json(job));
  const auto picture = [&](const JobView& job, size_t i) {
    return decode_picture(*jobs.picture(job.id, owner, i), "the picture").image;
  };
  for (size_t i = 0; i < ended[0].pictures.size(); ++i)
    distances.push_back(distance_json(picture(ended[0], i), picture(ended[1], i)));
  return json_answer(200, {{"jobs", both}, {"pictures", distances}});
}

void compare(const Call& call) {
  OrderedJson json = call.json();
  if (!json.is_object()) refuse("", "expected an object");
  const OrderedJson precisions = take_member(json, "precisions");
  if (!precisions.is_array() || precisions.size() != 2)
    refuse("precisions", "expected two names, or null for the server's own", "GET /v1/capabilities lists them");
  for (const char* name : {"precision", "output_format", "quality"})
    if (json.contains(name)) refuse(name, "has no place in a comparison");
  std::vector<Submission> both;
  for (const OrderedJson& one : precisions) {
    OrderedJson asked = json;
    asked["precision"] = one;
    if (!both.empty()) asked["seed"] = both.front().request.seed;  // the one that was drawn for -1
    both.push_back(own_submission(call, std::move(asked)));
    both.back().origin = "compare";
    both.back().text.clear();  // nobody would wait for them after a restart
  }
  submit_and_wait(call, std::move(both),
                  [jobs = &call.server.jobs(), owner = call.owner](const std::vector<JobView>& ended) {
                    return compared(*jobs, owner, ended);
                  });
}

}  // namespace

const Route compare_route{"POST",
                          "/v1/compare",
                          Dialect::Own,
                          false,
                          compare,
                          "One request in two precisions, and how far apart its pictures are",
                          RouteWork::PlansForWaiting};

}  // namespace newbie
