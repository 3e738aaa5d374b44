#include "job_json.h"

#include "generate/metadata.h"
#include "generate/plan_json.h"
#include "serve/picture_kind.h"

namespace newbie {

namespace {

OrderedJson time_json(double seconds) { return seconds > 0 ? OrderedJson(seconds) : OrderedJson(nullptr); }

OrderedJson pictures_json(const JobView& job) {
  OrderedJson out = OrderedJson::array();
  for (size_t i = 0; i < job.pictures.size(); ++i) {
    const JobPicture& p = job.pictures[i];
    out.push_back({{"index", i},
                   {"seed", seed_json(p.seed)},
                   {"width", p.width},
                   {"height", p.height},
                   {"bytes", p.file_bytes},
                   {"url", fmt::format("v1/jobs/{}/pictures/{}{}", job.id, i, kind_of(job.format).extension)},
                   {"file_name", picture_file_name(job, i)}});
  }
  return out;
}

}  // namespace

std::string picture_file_name(const JobView& job, size_t index) {
  const std::string_view id = std::string_view(job.id).substr(job.id.rfind('-') + 1, 8);
  return fmt::format("newbie-{}-{}{}", job.pictures.at(index).seed, id, kind_of(job.format).extension);
}

Response failure_answer(const JobView& job, Dialect dialect) {
  if (!job.interrupted) return error_answer(*job.error, dialect);
  return error_answer(ending_refusal(job.error->message()), dialect);
}

OrderedJson failure_json(const JobView& job, Dialect dialect) {
  if (!job.interrupted) return error_json(*job.error, dialect);
  return error_json(ending_refusal(job.error->message()), dialect);
}

OrderedJson job_row(const JobView& job) {
  OrderedJson out{{"id", job.id},
                  {"state", to_string(job.state)},
                  {"position", job.position},
                  {"origin", job.origin},
                  {"client_id", job.client_id},
                  {"precision", job.precision.empty() ? OrderedJson(nullptr) : OrderedJson(job.precision)},
                  {"stage", job.stage},
                  {"progress", job.progress},
                  {"picture", job.picture},
                  {"step", job.step},
                  {"steps", job.steps},
                  {"seconds_left", job.seconds_left ? OrderedJson(*job.seconds_left) : OrderedJson(nullptr)},
                  {"created", time_json(job.times.created)},
                  {"started", time_json(job.times.started)},
                  {"ended", time_json(job.times.ended)},
                  {"output_format", kind_of(job.format).name},
                  {"pictures", pictures_json(job)}};
  if (job.error) out["error"] = failure_json(job, Dialect::Own)["error"];
  return out;
}

OrderedJson job_json(const JobView& job) {
  OrderedJson out = job_row(job);
  out["warnings"] = job.warnings;
  out["guard"] = guard_json(job.guard_events);
  if (job.plan) out["plan"] = plan_json(*job.plan);
  for (size_t i = 0; i < job.pictures.size(); ++i) {
    const JobPicture& p = job.pictures[i];
    out["pictures"][i]["parameters"] = p.parameters;
    out["pictures"][i]["request"] = p.request_json.empty() ? OrderedJson(nullptr) : OrderedJson::parse(p.request_json);
  }
  return out;
}

}  // namespace newbie
