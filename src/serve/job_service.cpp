// What clients ask of the jobs. What workers do with them is in job_worker.cpp.
#include "serve/job_service.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "serve/fitting.h"
#include "serve/job_id.h"

namespace newbie {

namespace {

constexpr int kLongestRetryAfter_s = 120;  // OpenAI's clients do not wait longer, and give up instead

double system_clock_seconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

ServiceOptions completed(ServiceOptions options) {
  if (!options.clock) options.clock = system_clock_seconds;
  options.parallel = std::max(1, options.parallel);
  return options;
}

size_t picture_bytes(const GenerateRequest& r) {
  return (r.init_image ? r.init_image->pixels.size() : 0) + (r.mask ? r.mask->pixels.size() : 0);
}

const char* words(CancelReason reason) {
  switch (reason) {
    case CancelReason::Asked: return "cancelled by its owner";
    case CancelReason::ClientLeft: return "the client closed the connection";
    case CancelReason::TooLate: return "its client does not wait longer";
    case CancelReason::Shutdown: return "the server is ending";
  }
  return "";
}

}  // namespace

// Holds a place in the queue while a submission is planned and written down.
class JobService::Arrival {
 public:
  Arrival(JobService& service, size_t bytes) : service_(service), bytes_(bytes) {}
  ~Arrival() {
    const Lock lock(service_.mutex_);
    --service_.arriving_;
    service_.held_bytes_ -= bytes_;
  }
  void keep_bytes() { bytes_ = 0; }  // they are the job's now
  Arrival(const Arrival&) = delete;
  Arrival& operator=(const Arrival&) = delete;

 private:
  JobService& service_;
  size_t bytes_;
};

JobService::JobService(JobEngine& engine, ServiceOptions options, Log& log)
    : engine_(engine),
      options_(completed(std::move(options))),
      log_(log),
      queue_(options_.queue),
      store_(options_.store),
      ledger_(options_.memory_budget_bytes) {
  if (options_.journal) {
    journal_ = std::make_unique<Journal>(*options_.journal);
    read_journal();
  }
  for (int i = 0; i < options_.parallel; ++i) workers_.emplace_back([this] { work(); });
}

JobService::~JobService() {
  cancel_all(CancelReason::Shutdown);
  {
    const Lock lock(mutex_);
    stopping_ = true;
  }
  work_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void JobService::announce(const Calls& calls) {
  for (const Listener& call : calls) (*call)();
}

// A job of another owner is not there: ids tell nothing.
JobService::JobPtr JobService::get(const std::string& id, const std::string& owner) {
  const JobPtr job = store_.find(id);
  if (job && job->view.owner == owner) return job;
  if (!job && store_.has_expired(id))
    throw Refusal(Refused::ExpiredJob, fmt::format("job {} was kept for a while and is gone", id));
  throw Refusal(Refused::UnknownJob, "there is no such job");
}

void JobService::tell(JobEntry& job, std::string_view event, const OrderedJson& data, Calls& calls) {
  job.events.add(event, data);
  std::erase_if(job.listeners, [](const auto& listener) { return listener.expired(); });
  for (const auto& listener : job.listeners)
    if (Listener call = listener.lock()) calls.push_back(std::move(call));
}

void JobService::tell_positions(Calls& calls) {
  const std::vector<std::string> order = queue_.order();
  for (size_t i = 0; i < order.size(); ++i) {
    const JobPtr job = store_.find(order[i]);
    if (std::exchange(job->view.position, i + 1) != i + 1) tell(*job, "position", {{"position", i + 1}}, calls);
  }
}

void JobService::move(JobEntry& job, JobMove move) {
  const std::optional<JobState> to = after(job.view.state, move);
  if (!to) fail(ErrorKind::Internal, "job {}: no such move from '{}'", job.view.id, to_string(job.view.state));
  job.view.state = *to;
}

// The last thing that happens to a job; its pictures are there.
void JobService::end(JobEntry& job, JobMove how, std::optional<Error> error, Calls& calls) {
  move(job, how);
  job.view.position = 0;
  job.view.seconds_left.reset();
  job.view.times.ended = options_.clock();
  job.view.error = std::move(error);
  job.view.text.reset();
  job.request.reset();
  job.prepared.reset();
  held_bytes_ -= std::exchange(job.held_bytes, 0);
  store_.ended(job.view.id, job.view.times.ended);
  ++counters_.ended[std::string(to_string(job.view.state))];
  if (const auto& e = job.view.error) {
    tell(job, "error",
         {{"state", to_string(job.view.state)},
          {"kind", to_string(e->kind())},
          {"message", e->message()},
          {"hint", e->hint()}},
         calls);
  } else {
    tell(job, "done", {{"state", "done"}, {"pictures", job.view.pictures.size()}, {"progress", job.view.progress}},
         calls);
  }
}

// With the lock held. Error as submit() throws it.
void JobService::require_room(size_t bytes) {
  if (draining_ || stopping_) {
    ++counters_.refused["draining"];
    throw Refusal(Refused::Draining, "the server is about to end", "ask again when it is back", kLongestRetryAfter_s);
  }
  const bool too_heavy = held_bytes_ > 0 && bytes > options_.queue_bytes - std::min(held_bytes_, options_.queue_bytes);
  if (queue_.size() + arriving_ < options_.queue && !too_heavy) return;
  ++counters_.refused["queue_full"];
  throw Refusal(Refused::QueueFull,
                too_heavy ? "the jobs that wait hold too many pictures to start from"
                          : fmt::format("{} jobs wait already", options_.queue),
                "ask again later", retry_after_s());
}

std::string JobService::submit(Submission s, StopToken stop) {
  const size_t bytes = picture_bytes(s.request);
  {
    const Lock lock(mutex_);
    require_room(bytes);
    ++arriving_;
    held_bytes_ += bytes;
  }
  Arrival arrival(*this, bytes);
  auto log = std::make_shared<JobLog>();
  std::unique_ptr<PreparedDrawing> prepared;
  MemoryPlan plan;
  try {
    with_engine(s.precision, [&](JobEngine& engine) {
      prepared = prepare_or_say_what_fits(engine, s.request, *log, stop);
      plan = prepared->plan();
      if (&engine != &engine_) prepared.reset();  // the other one goes
    });
  } catch (const TooLarge&) {
    count_refusal("over_budget");
    throw;
  }
  const JobPtr job = make_job(std::move(s), std::move(plan));
  job->held_bytes = bytes;
  write_promise(*job);

  Calls calls;
  std::vector<JobView> old;
  {
    const Lock lock(mutex_);
    if (prepared && queue_.size() == 0 && ledger_.jobs() < static_cast<size_t>(options_.parallel)) {
      job->log = std::move(log);
      job->prepared = std::move(prepared);
    }
    store_.add(job);
    queue_.restore(job->view.owner, job->view.id);  // there is room: `arriving_` holds it
    arrival.keep_bytes();
    tell(*job, "queued", {{"id", job->view.id}}, calls);
    for (const std::string& note : job->view.warnings) tell(*job, "warning", {{"message", note}}, calls);
    tell_positions(calls);
    old = swept();
  }
  work_.notify_all();
  announce(calls);
  remove_files(old);
  return job->view.id;
}

JobService::JobPtr JobService::make_job(Submission&& s, MemoryPlan&& plan) {
  auto job = std::make_shared<JobEntry>(JobView{.id = new_job_id(options_.worker),
                                                .owner = std::move(s.owner),
                                                .origin = std::move(s.origin),
                                                .client_id = std::move(s.client_id),
                                                .format = s.format,
                                                .precision = std::move(s.precision),
                                                .plan = std::make_shared<const MemoryPlan>(std::move(plan))});
  job->view.times.created = options_.clock();
  job->view.warnings = std::move(s.notes);
  job->journaled = journal_ != nullptr && !s.text.empty();
  if (job->journaled) job->view.text = std::make_shared<const std::string>(std::move(s.text));
  job->request = std::make_shared<const GenerateRequest>(std::move(s.request));
  job->quality = s.quality;
  job->keep_preview = s.keep_preview;
  job->all_previews = s.all_previews || job->request->preview_method == PreviewMethod::Decode;  // by name
  if (s.patience_s > 0) job->deadline = job->view.times.created + s.patience_s;
  return job;
}

JobView JobService::view(const std::string& id, const std::string& owner) {
  const Lock lock(mutex_);
  return get(id, owner)->view;
}

JobService::News JobService::news(const std::string& id, const std::string& owner, uint64_t after) {
  const Lock lock(mutex_);
  const JobPtr job = get(id, owner);
  return {job->events.since(after), is_final(job->view.state)};
}

bool JobService::is_over(const std::string& id, const std::string& owner) {
  const Lock lock(mutex_);
  return is_final(get(id, owner)->view.state);
}

std::vector<JobView> JobService::list(const std::string& owner, size_t most, const std::string& before) {
  std::vector<JobView> out;
  const Lock lock(mutex_);
  bool past = before.empty();
  for (const JobPtr& job : store_.latest()) {
    if (out.size() == most) break;
    if (past && job->view.owner == owner) out.push_back(job->view);
    past = past || job->view.id == before;
  }
  return out;
}

std::shared_ptr<const std::vector<std::byte>> JobService::picture(const std::string& id, const std::string& owner,
                                                                  size_t index) {
  PictureFormat format;
  JobPicture written;
  {
    const Lock lock(mutex_);
    const JobPtr job = get(id, owner);
    const std::vector<JobPicture>& pictures = job->view.pictures;
    if (index >= pictures.size())
      throw Refusal(Refused::UnknownJob, is_final(job->view.state)
                                             ? fmt::format("job {} has ended ({}) with {} pictures", id,
                                                           to_string(job->view.state), pictures.size())
                                             : fmt::format("job {} has {} pictures so far", id, pictures.size()));
    if (pictures[index].bytes) return pictures[index].bytes;
    format = job->view.format;
    written = pictures[index];
  }
  try {
    return std::make_shared<const std::vector<std::byte>>(journal_->read_picture(id, index, format, written));
  } catch (const Error& error) {
    log_.warn("job {}: {}", id, error.message());
    throw Refusal(Refused::ExpiredJob,
                  fmt::format("picture {} of job {} is gone: its file is missing or damaged", index, id));
  }
}

JobService::Listener JobService::listen(const std::string& id, const std::string& owner,
                                        std::function<void()> on_event) {
  auto listener = std::make_shared<const std::function<void()>>(std::move(on_event));
  const Lock lock(mutex_);
  get(id, owner)->listeners.push_back(listener);
  return listener;
}

// What was finished before the engine could stop is kept; what has ended stays as it is.
void JobService::ask_to_stop(JobEntry& job, CancelReason reason, Calls& calls) {
  if (is_final(job.view.state) || job.view.state == JobState::Stopping) return;
  job.stop_reason = words(reason);
  job.view.interrupted = reason == CancelReason::Shutdown;
  if (reason == CancelReason::ClientLeft) ++counters_.left;
  if (job.view.state == JobState::Queued) {
    queue_.remove(job.view.id);
    end(job, JobMove::Cancel, Error(ErrorKind::Cancelled, job.stop_reason), calls);
    return tell_positions(calls);
  }
  move(job, JobMove::Cancel);
  job.stop = true;
  tell(job, "cancelling", {{"reason", job.stop_reason}}, calls);
}

JobView JobService::cancel(const std::string& id, const std::string& owner, CancelReason reason) {
  Calls calls;
  JobPtr job;
  {
    const Lock lock(mutex_);
    job = get(id, owner);
    ask_to_stop(*job, reason, calls);
  }
  work_.notify_all();  // what waited behind it may fit now
  announce(calls);
  JobView out = view(id, owner);
  if (out.state == JobState::Cancelled && job->journaled && !out.interrupted) write_quietly({out, job->quality});
  return out;
}

void JobService::cancel_all(CancelReason reason) {
  Calls calls;
  {
    const Lock lock(mutex_);
    for (const JobPtr& job : store_.latest()) ask_to_stop(*job, reason, calls);
  }
  announce(calls);
}

JobView JobService::to_front(const std::string& id, const std::string& owner) {
  Calls calls;
  JobView out;
  {
    const Lock lock(mutex_);
    const JobPtr job = get(id, owner);
    if (queue_.to_front(id)) tell_positions(calls);
    out = job->view;
  }
  announce(calls);
  return out;
}

void JobService::drain() {
  const Lock lock(mutex_);
  draining_ = true;
}

bool JobService::is_idle() {
  const Lock lock(mutex_);
  return queue_.size() == 0 && arriving_ == 0 && ledger_.jobs() == 0;
}

std::optional<double> JobService::seconds_of(double work, const std::string& precision) {
  const Lock lock(mutex_);
  return speeds_.seconds(precision, work);
}

void JobService::count_refusal(const std::string& reason) {
  const Lock lock(mutex_);
  ++counters_.refused[reason];
}

// With the lock held. Places become free as jobs end, `parallel` of them in the time that one takes.
int JobService::retry_after_s() const {
  const double seconds = std::ceil(mean_seconds_ / options_.parallel);
  return static_cast<int>(std::clamp(seconds, 1.0, static_cast<double>(kLongestRetryAfter_s)));
}

ServiceCounters JobService::counters() {
  const Lock lock(mutex_);
  ServiceCounters out = counters_;
  out.waiting = queue_.size();
  out.drawing = ledger_.jobs();
  out.reserved_bytes = ledger_.reserved_bytes();
  out.kept_bytes = store_.finished_bytes();
  return out;
}

std::vector<JobView> JobService::swept() {
  std::vector<JobView> out;
  for (const JobPtr& job : store_.sweep(options_.clock())) out.push_back(job->view);
  return out;
}

void JobService::sweep() {
  std::vector<JobView> old;
  {
    const Lock lock(mutex_);
    old = swept();
  }
  remove_files(old);
}

}  // namespace newbie
