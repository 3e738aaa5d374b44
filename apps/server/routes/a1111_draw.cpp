// /sdapi/v1: how AUTOMATIC1111's clients draw, look on, and stop. The client waits; if it goes, its work goes, too.
#include <algorithm>
#include <ctime>

#include "a1111_request.h"
#include "client_words.h"
#include "job_json.h"
#include "routes/all.h"
#include "text/base64.h"
#include "wait_for_job.h"

namespace newbie {

namespace {

constexpr std::string_view kOrigin = "a1111";
constexpr size_t kMostLookedAt = 1000;

std::string timestamp_of(double seconds) {
  const auto whole = static_cast<std::time_t>(seconds);
  std::tm local{};
  ::localtime_r(&whole, &local);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y%m%d%H%M%S", &local)};
}

// A JSON inside a text, as their clients expect it.
std::string info_of(const JobView& job, const GenerateRequest& r) {
  OrderedJson seeds = OrderedJson::array(), texts = OrderedJson::array(), prompts = OrderedJson::array(),
              negatives = OrderedJson::array();
  for (const JobPicture& p : job.pictures) {
    seeds.push_back(seed_json(p.seed));
    texts.push_back(p.parameters);
    prompts.push_back(r.prompt);
    negatives.push_back(r.negative_prompt);
  }
  return one_line({{"prompt", r.prompt},
                   {"all_prompts", prompts},
                   {"negative_prompt", r.negative_prompt},
                   {"all_negative_prompts", negatives},
                   {"seed", seed_json(r.seed)},
                   {"all_seeds", seeds},
                   {"subseed", 0},
                   {"all_subseeds", OrderedJson::array()},
                   {"subseed_strength", 0},
                   {"width", job.pictures.empty() ? 0 : job.pictures[0].width},
                   {"height", job.pictures.empty() ? 0 : job.pictures[0].height},
                   {"sampler_name", a1111_sampler_name(r.sampler)},
                   {"cfg_scale", r.cfg},
                   {"steps", r.steps},
                   {"batch_size", r.batch},
                   {"restore_faces", false},
                   {"denoising_strength", r.init_image ? r.strength : 0.0},
                   {"extra_generation_params", OrderedJson::object()},
                   {"index_of_first_image", 0},
                   {"infotexts", texts},
                   {"styles", OrderedJson::array()},
                   {"job_timestamp", timestamp_of(job.times.created)},
                   {"clip_skip", 1},
                   {"notes", in_words_of(Dialect::A1111, job.warnings)}});
}

// An interrupted job gives what it has, which is what their clients expect of `interrupt`.
void draw_for_a1111(const Call& call, A1111Kind kind) {
  A1111Request asked = a1111_request(call, call.json(), kind);
  JobService& jobs = call.server.jobs();
  const auto r = std::make_shared<const GenerateRequest>(asked.submission.request);  // for `info`
  const auto answer = [&jobs, owner = call.owner, parameters = std::move(asked.parameters), r,
                       sends = asked.send_images](const JobView& job) {
    if (job.state == JobState::Failed || job.interrupted) return failure_answer(job, Dialect::A1111);
    OrderedJson images = OrderedJson::array();
    for (size_t i = 0; sends && i < job.pictures.size(); ++i)
      images.push_back(encode_base64(*jobs.picture(job.id, owner, i)));
    return json_answer(200, {{"images", images}, {"parameters", parameters}, {"info", info_of(job, *r)}});
  };
  submit_and_wait(call, std::move(asked.submission), answer);
}

void txt2img(const Call& call) { draw_for_a1111(call, A1111Kind::TextToImage); }
void img2img(const Call& call) { draw_for_a1111(call, A1111Kind::ImageToImage); }

// The owner's jobs of this interface that are not over, the one that runs first.
std::vector<JobView> open_jobs(const Call& call) {
  std::vector<JobView> out;
  if (!call.server.is_open()) return out;
  for (JobView& job : call.server.jobs().list(call.owner, kMostLookedAt))
    if (job.origin == kOrigin && !is_final(job.state)) out.push_back(std::move(job));
  std::stable_partition(out.begin(), out.end(), [](const JobView& job) { return job.state != JobState::Queued; });
  return out;
}

void progress(const Call& call) {
  const std::vector<JobView> jobs = open_jobs(call);
  const std::string* skip = call.request().query_value("skip_current_image");
  OrderedJson out{{"progress", 0.0}, {"eta_relative", 0.0}, {"current_image", nullptr}, {"textinfo", nullptr}};
  OrderedJson state{{"skipped", false}, {"interrupted", false},     {"stopping_generation", false},
                    {"job", ""},        {"job_count", jobs.size()}, {"job_timestamp", "0"},
                    {"job_no", 0},      {"sampling_step", 0},       {"sampling_steps", 0}};
  if (!jobs.empty()) {
    const JobView& job = jobs.front();
    out["progress"] = job.progress;
    out["eta_relative"] = job.seconds_left.value_or(0.0);
    if (job.preview && (skip == nullptr || *skip != "true")) out["current_image"] = encode_base64(*job.preview->bytes);
    if (job.position > 0) out["textinfo"] = fmt::format("place {} in the queue", job.position);
    state["interrupted"] = job.state == JobState::Stopping;
    state["job"] = job.id;
    state["job_timestamp"] = timestamp_of(job.times.created);
    state["job_no"] = job.picture;
    state["sampling_step"] = job.step;
    state["sampling_steps"] = job.steps;
  }
  out["state"] = state;
  call.answer(out);
}

// Only this interface's jobs, and only one's own: /v1/jobs are ended by DELETE.
void interrupt(const Call& call) {
  if (const std::vector<JobView> jobs = open_jobs(call); !jobs.empty()) {
    try {
      call.server.jobs().cancel(jobs.front().id, call.owner);  // the one that runs, as theirs does
    } catch (const Refusal&) {                                 // it has ended meanwhile
    }
  }
  call.answer(OrderedJson::object());
}

}  // namespace

const Route a1111_txt2img_route{"POST",
                                "/sdapi/v1/txt2img",
                                Dialect::A1111,
                                false,
                                txt2img,
                                "Draw, and wait for it (A1111)",
                                RouteWork::PlansForWaiting};
const Route a1111_img2img_route{"POST",
                                "/sdapi/v1/img2img",
                                Dialect::A1111,
                                false,
                                img2img,
                                "Draw from a picture, and wait for it (A1111)",
                                RouteWork::PlansForWaiting};
const Route a1111_progress_route{
    "GET", "/sdapi/v1/progress", Dialect::A1111, false, progress, "How far one's drawing is (A1111)"};
const Route a1111_interrupt_route{"POST",    "/sdapi/v1/interrupt",       Dialect::A1111, false,
                                  interrupt, "Stop one's drawing (A1111)"};
const Route a1111_skip_route{"POST", "/sdapi/v1/skip", Dialect::A1111, false, interrupt, "The same (A1111)"};

}  // namespace newbie
