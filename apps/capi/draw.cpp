// Drawing: jobs, what callbacks are told, and how both are stopped.
#include <span>
#include <vector>

#include "engine.h"
#include "generate/init_picture.h"
#include "generate/known.h"
#include "generate/metadata.h"
#include "generate/plan_json.h"
#include "generate/prepared_request.h"
#include "generate/request_notes.h"
#include "generate/result_json.h"
#include "request.h"

using namespace newbie;

struct newbie_job {
  std::shared_ptr<OpenEngine> open;  // must outlive the job
  std::vector<std::string> notes;
  std::optional<Job> job;
  std::atomic<bool> stop{false};
};

namespace {

// Calls back into C. `passes`: of the job that runs, which must outlive it.
class CallbackObserver : public RunObserver {
 public:
  CallbackObserver(const newbie_callbacks& callbacks, std::span<const Pass> passes, std::atomic<bool>& stop)
      : call_(callbacks), passes_(passes), stop_(stop) {}

  void on_stage(const RunPlace& at) override {
    if (call_.on_stage != nullptr) call_.on_stage(call_.user, std::string(to_string(at.stage)).c_str());
    poll();
  }
  void on_step(const RunPlace& at, double seconds) override {
    const newbie_step step{sizeof(newbie_step), at.picture, at.pictures, at.evaluation, at.evaluations, seconds};
    if (call_.on_step != nullptr) call_.on_step(call_.user, &step);
    poll();
  }
  void on_preview(const RunPlace& at, const Preview& preview) override {
    if (call_.on_preview == nullptr) return;
    const newbie_preview out{.struct_size = sizeof(newbie_preview),
                             .picture = at.picture,
                             .pictures = at.pictures,
                             .step = preview.step,
                             .steps = preview.steps,
                             .width = preview.image.width,
                             .height = preview.image.height,
                             .channels = preview.image.channels,
                             .pixels = preview.image.pixels.data(),
                             .pixel_bytes = preview.image.pixels.size()};
    call_.on_preview(call_.user, &out);
  }
  void on_latent(const RunPlace& at, int step, std::span<const float> latent) override {
    if (call_.on_latent == nullptr) return;
    const Pass& pass = passes_[static_cast<size_t>(at.pass)];
    const newbie_latent out{.struct_size = sizeof(newbie_latent),
                            .picture = at.picture,
                            .pictures = at.pictures,
                            .pass = at.pass,
                            .step = step,
                            .channels = static_cast<int32_t>(static_cast<int64_t>(latent.size()) / (pass.h * pass.w)),
                            .height = static_cast<int32_t>(pass.h),
                            .width = static_cast<int32_t>(pass.w),
                            .values = latent.data(),
                            .value_count = latent.size()};
    call_.on_latent(call_.user, &out);
  }

 private:
  void poll() {
    if (call_.should_stop != nullptr && call_.should_stop(call_.user) != 0) stop_ = true;
  }

  const newbie_callbacks& call_;
  std::span<const Pass> passes_;
  std::atomic<bool>& stop_;
};

newbie_callbacks callbacks_of(const newbie_callbacks* given) {
  return given == nullptr ? newbie_callbacks{} : read(given, "callbacks");
}

GenerateResult run(Job& job, const newbie_callbacks& call, std::atomic<bool>& stop) {
  CallbackObserver observer(call, job.passes(), stop);
  int32_t index = 0;
  return job.run(observer, StopToken(&stop), [&](GeneratedImage image) {
    const newbie_picture picture{.struct_size = sizeof(newbie_picture),
                                 .width = image.image.width,
                                 .height = image.image.height,
                                 .channels = image.image.channels,
                                 .pixels = image.image.pixels.data(),
                                 .pixel_bytes = image.image.pixels.size(),
                                 .seed = image.seed,
                                 .parameters = image.parameters.c_str(),
                                 .request_json = image.request_json.c_str(),
                                 .index = index++};
    if (call.on_picture != nullptr) call.on_picture(call.user, &picture);
  });
}

// `read_request` gives the request.
template <typename Read>
newbie_status draw(newbie_engine* engine, const newbie_callbacks* callbacks, newbie_error** error, Read read_request) {
  return guarded(error, [&] {
    newbie_engine& e = require(engine, "engine");
    const GenerateRequest r = read_request(*e.open);
    const newbie_callbacks call = callbacks_of(callbacks);
    const OneCall busy(*e.open);
    e.stop = false;
    Job job = e.open->engine.prepare(r);
    run(job, call, e.stop);
  });
}

PictureFiles files_of(OpenEngine& open) { return {memory_left_for_pictures(open.memory_budget_bytes), open.log}; }

std::vector<std::string> notes_on(const OpenEngine& open, const GenerateRequest& request) {
  std::vector<std::string> out = request_notes(request);
  if (const auto known = read_known(open.paths.folder))
    for (std::string& note : notes_on_known(*known, request, open.engine.final_size(request)))
      out.push_back(std::move(note));
  return out;
}

OrderedJson describe(const newbie_job& job) {
  const Job& j = *job.job;
  const GenerateRequest& r = j.request();
  OrderedJson passes = OrderedJson::array(), seeds = OrderedJson::array();
  for (const Pass& pass : j.passes())
    passes.push_back({{"width", pass.size.width},
                      {"height", pass.size.height},
                      {"schedule", pass.noise.schedule},
                      {"sigmas", pass.noise.sigmas}});
  for (int k = 0; k < r.batch; ++k)
    seeds.push_back(r.batch_noise == BatchNoise::Seeds ? r.seed + static_cast<uint64_t>(k) : r.seed);
  return {{"request", request_to_json(r, [](const RequestField&, const Image& image) { return picture_hash(image); })},
          {"width", j.size().width},
          {"height", j.size().height},
          {"seeds", seeds},
          {"passes", passes},
          {"notes", job.notes}};
}

}  // namespace

void newbie_callbacks_init(newbie_callbacks* callbacks, size_t struct_size) {
  fill(callbacks, struct_size, newbie_callbacks{});
}

newbie_status newbie_generate(newbie_engine* engine, const newbie_request* request, const newbie_callbacks* callbacks,
                              newbie_error** error) {
  return draw(engine, callbacks, error, [&](OpenEngine&) { return request_of(request); });
}

newbie_status newbie_generate_json(newbie_engine* engine, const char* request, const newbie_callbacks* callbacks,
                                   newbie_error** error) {
  return draw(engine, callbacks, error,
              [&](OpenEngine& open) { return request_of_json(request, files_of(open)).request; });
}

void newbie_stop(newbie_engine* engine) {
  if (engine != nullptr) engine->stop = true;
}

newbie_status newbie_prepare(newbie_engine* engine, const char* request, const newbie_input* const* inputs,
                             size_t input_count, newbie_job** job, newbie_error** error) {
  if (job != nullptr) *job = nullptr;
  return guarded(error, [&] {
    require(job, "job");
    auto out = std::make_unique<newbie_job>();
    out->open = require(engine, "engine").open;
    OpenEngine& open = *out->open;
    const PictureFiles files = files_of(open);
    GenerateRequest r = request_of_json(request, files).request;
    if (input_count != 0) require(inputs, "inputs");
    for (size_t i = 0; i < input_count; ++i) take_input(inputs[i], files, r);
    const OneCall busy(open);
    check_request(r);
    out->notes = notes_on(open, r);
    out->job.emplace(open.engine.prepare(r));
    *job = out.release();
  });
}

void newbie_job_free(newbie_job* job) { delete job; }

newbie_status newbie_job_describe(newbie_job* job, char** json, newbie_error** error) {
  return give_json(json, error, [&] { return describe(require(job, "job")); });
}

newbie_status newbie_job_plan(newbie_job* job, char** json, newbie_error** error) {
  return give_json(json, error, [&] { return plan_json(require(job, "job").job->plan()); });
}

newbie_status newbie_job_run(newbie_job* job, const newbie_callbacks* callbacks, char** result, newbie_error** error) {
  if (result != nullptr) *result = nullptr;
  return guarded(error, [&] {
    newbie_job& j = require(job, "job");
    const newbie_callbacks call = callbacks_of(callbacks);
    const OneCall busy(*j.open);
    const GenerateResult drawn = run(*j.job, call, j.stop);
    if (result != nullptr) *result = new_text(result_json(j.open->engine, drawn));
  });
}

void newbie_job_stop(newbie_job* job) {
  if (job != nullptr) job->stop = true;
}
