// What the threads of JobService do: take a job once its memory is free, draw it, keep its pictures.
#include <algorithm>
#include <chrono>
#include <new>
#include <utility>

#include "generate/metadata.h"
#include "serve/job_service.h"
#include "serve/picture_kind.h"
#include "serve/preview_pace.h"
#include "serve/progress_meter.h"
#include "text/base64.h"
#include "weights/sha256.h"

namespace newbie {

namespace {

constexpr int kPreviewQuality = 80;

PictureSize size_of(const JobEntry& job) {
  if (job.view.pictures.empty()) return {0, 0};
  return {job.view.pictures[0].width, job.view.pictures[0].height};
}

}  // namespace

// Listens to the engine while one job is drawn, on the thread that draws it.
class JobService::Watcher : public RunObserver, public Log {
 public:
  Watcher(JobService& service, JobEntry& job) : service_(service), job_(job), meter_(*job.request) {}

  void on_stage(const RunPlace& at) override {
    tell("stage", [&] {
      meter_.stage(at);
      job_.view.stage = to_string(at.stage);
      job_.view.picture = at.picture;
      job_.view.progress = meter_.progress();
      return OrderedJson{{"stage", job_.view.stage}, {"picture", at.picture}, {"progress", meter_.progress()}};
    });
  }

  void on_step(const RunPlace& at, double seconds) override {
    tell("step", [&] {
      meter_.step(at, seconds);
      JobView& view = job_.view;
      view.progress = meter_.progress();
      view.seconds_left = meter_.seconds_left();
      view.picture = at.picture;
      view.step = at.evaluation;
      view.steps = at.evaluations;
      ++service_.counters_.evaluations;
      service_.counters_.evaluation_seconds += seconds;
      OrderedJson out{{"pass", at.pass},
                      {"picture", at.picture},
                      {"pictures", at.pictures},
                      {"evaluation", at.evaluation},
                      {"evaluations", at.evaluations},
                      {"progress", view.progress},
                      {"seconds", seconds}};
      if (view.seconds_left) out["seconds_left"] = *view.seconds_left;
      return out;
    });
    service_.stop_if_too_late(job_);
  }

  bool wants_preview(const RunPlace& /*at*/) override {
    preview_began_ = seconds();
    return (job_.all_previews || pace_.is_due(preview_began_)) && is_wanted();
  }

  void on_preview(const RunPlace& at, const Preview& preview) override {
    const auto bytes = std::make_shared<const std::vector<std::byte>>(
        encode_picture(PictureFormat::Jpeg, preview.image, {}, kPreviewQuality));
    const std::string text = encode_base64(*bytes);
    tell("preview", [&] {
      job_.view.preview = JobPreview{at.picture, preview.step, preview.steps, bytes};
      return OrderedJson{{"picture", at.picture},
                         {"step", preview.step},
                         {"steps", preview.steps},
                         {"width", preview.image.width},
                         {"height", preview.image.height},
                         {"media_type", kind_of(PictureFormat::Jpeg).media_type},
                         {"base64", text}};
    });
    pace_.made(preview_began_, seconds());
  }

  void on_guard(const RunPlace& /*at*/, const GuardEvent& event) override {
    tell("guard", [&] {
      job_.view.guard_events.push_back(event);
      ++service_.counters_.guard_events;
      return OrderedJson{{"where", event.where},
                         {"problem", event.problem},
                         {"action", event.action},
                         {"picture", event.picture},
                         {"evaluation", event.evaluation}};
    });
  }

  void write(LogLevel level, std::string_view text) override {
    if (level != LogLevel::Warning) return service_.log_.write(level, text);
    tell("warning", [&] {
      job_.view.warnings.emplace_back(text);
      return OrderedJson{{"message", text}};
    });
  }

 private:
  // `change` is called with the lock held and gives the event's data.
  template <typename Change>
  void tell(std::string_view event, const Change& change) {
    Calls calls;
    {
      const Lock lock(service_.mutex_);
      service_.tell(job_, event, change(), calls);
    }
    announce(calls);
  }

  static double seconds() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  }

  bool is_wanted() {
    const Lock lock(service_.mutex_);
    return job_.keep_preview || std::any_of(job_.listeners.begin(), job_.listeners.end(),
                                            [](const auto& listener) { return !listener.expired(); });
  }

  JobService& service_;
  JobEntry& job_;
  ProgressMeter meter_;
  PreviewPace pace_;
  double preview_began_ = 0;
};

bool JobService::is_too_late(const JobEntry& job) const { return job.deadline > 0 && options_.clock() > job.deadline; }

void JobService::stop_if_too_late(JobEntry& job) {
  Calls calls;
  {
    const Lock lock(mutex_);
    if (is_too_late(job)) ask_to_stop(job, CancelReason::TooLate, calls);
  }
  announce(calls);
}

void JobService::work() {
  while (true) {
    JobPtr job;
    Calls calls;
    {
      Lock lock(mutex_);
      job = take(lock);
      if (!job) return;
      if (is_too_late(*job)) {
        ledger_.give_back(*job->view.plan);
        ask_to_stop(*job, CancelReason::TooLate, calls);
        job.reset();
      } else {
        move(*job, JobMove::Start);
        job->view.position = 0;
        job->view.times.started = options_.clock();
        tell(*job, "started", {{"state", "running"}}, calls);
      }
      tell_positions(calls);
    }
    announce(calls);
    if (job) draw(job);
  }
}

// The next one, its memory set aside; nothing when the process ends. A large job at the front is waited for: letting
// small ones pass would keep it there for ever.
JobService::JobPtr JobService::take(Lock& lock) {
  while (!stopping_) {
    if (const std::optional<std::string> id = queue_.peek()) {
      JobPtr job = store_.find(*id);
      if (ledger_.reserve(*job->view.plan)) {
        queue_.pop();
        return job;
      }
    }
    work_.wait(lock);
  }
  return nullptr;
}

std::unique_ptr<PreparedDrawing> JobService::take_prepared(JobEntry& job) {
  const Lock lock(mutex_);
  return std::move(job.prepared);
}

void JobService::draw(const JobPtr& job) {
  const std::shared_ptr<const GenerateRequest> request = job->request;
  Watcher watcher(*this, *job);
  const std::shared_ptr<JobLog> log = job->log;
  log->open(watcher);
  GenerateResult result;
  std::optional<Error> error;
  try {
    result = with_engine(job->view.precision, [&](JobEngine& engine) {
      const StopToken stop(&job->stop);
      std::unique_ptr<PreparedDrawing> prepared = take_prepared(*job);
      if (!prepared) prepared = engine.prepare(*request, *log, stop);
      return prepared->draw(watcher, stop, [&](GeneratedImage image) { add_picture(*job, std::move(image)); });
    });
  } catch (const Error& e) {
    error = e;
  } catch (const std::bad_alloc&) {
    error = Error(ErrorKind::OverBudget, "out of memory");
  } catch (const std::exception& e) {
    error = Error(ErrorKind::Internal, e.what());
  }
  log->close();
  if (!error) return finish(*job, JobMove::Finish, std::nullopt, result);
  const bool stopped = error->kind() == ErrorKind::Cancelled && job->stop;
  if (stopped) error = Error(ErrorKind::Cancelled, job->stop_reason);  // set before `stop`, and not again
  finish(*job, stopped ? JobMove::Stop : JobMove::Fail, std::move(error), result);
}

// The bytes the command line would write. With a journal they lie there; where its disk takes no more, here.
void JobService::add_picture(JobEntry& job, GeneratedImage&& image) {
  const TextChunk texts[] = {{"parameters", image.parameters}, {kRequestKey, image.request_json}};
  std::vector<std::byte> bytes = encode_picture(job.view.format, image.image, texts, job.quality);
  JobPicture picture{.seed = image.seed,
                     .width = image.image.width,
                     .height = image.image.height,
                     .file_bytes = bytes.size(),
                     .parameters = std::move(image.parameters),
                     .request_json = std::move(image.request_json)};
  const size_t index = job.view.pictures.size();  // no other thread adds to them
  bool written = false;
  if (job.journaled) {
    try {
      journal_->write_picture(job.view.id, index, job.view.format, bytes);
      written = true;
      picture.sha256 = sha256_of(bytes);
    } catch (const Error& error) {
      log_.warn("job {}: its picture is not in the journal: {}", job.view.id, error.message());
    }
  }
  if (!written) picture.bytes = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
  Calls calls;
  {
    const Lock lock(mutex_);
    tell(job, "picture",
         {{"picture", index},
          {"seed", std::to_string(picture.seed)},
          {"width", picture.width},
          {"height", picture.height}},
         calls);
    job.view.pictures.push_back(std::move(picture));
    ++counters_.pictures;
  }
  announce(calls);
  if (written && static_cast<int>(index) + 1 < job.request->batch) persist_picture(job);
}

void JobService::finish(JobEntry& job, JobMove how, std::optional<Error> error, const GenerateResult& result) {
  persist_ended(job, how, error);  // first: what was told as done is done after a crash, too
  Calls calls;
  std::vector<JobView> old;
  {
    const Lock lock(mutex_);
    for (const StageTime& time : result.times) counters_.stage_seconds[time.name] += time.seconds;
    if (how == JobMove::Finish) {
      job.view.progress = 1;
      speeds_.add(job.view.precision, work_of(*job.request, size_of(job)), result.times);
    }
    end(job, how, std::move(error), calls);
    const double seconds = job.view.times.ended - job.view.times.started;
    mean_seconds_ = mean_seconds_ == 0 ? seconds : 0.75 * mean_seconds_ + 0.25 * seconds;
    ledger_.give_back(*job.view.plan);
    old = swept();
  }
  work_.notify_all();
  announce(calls);
  remove_files(old);
}

}  // namespace newbie
