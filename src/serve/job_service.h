// JobService: jobs are handed in, wait for their turn and their memory, are drawn, and are kept for a while. All of a
// server but the talking; safe to call from any thread.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/log.h"
#include "serve/job_engine.h"
#include "serve/job_entry.h"
#include "serve/job_queue.h"
#include "serve/job_store.h"
#include "serve/journal.h"
#include "serve/memory_ledger.h"
#include "serve/refusal.h"
#include "serve/speed_log.h"

namespace newbie {

struct ServiceOptions {
  size_t queue = 64;                     // jobs that may wait
  size_t queue_bytes = size_t{1} << 30;  // of the pictures that they and the drawing ones start from
  int parallel = 1;                      // jobs that draw at a time, as far as memory allows
  size_t memory_budget_bytes = 0;
  StoreLimits store;
  std::string worker;  // stands before ids; may be empty
  std::optional<std::filesystem::path> journal;
  bool resume = false;  // unfinished jobs of an earlier process are drawn again; else they are told as lost
  // Submission::text as the request it stands for; needed with `resume`.
  std::function<GenerateRequest(const std::string&)> read_request;
  std::function<double()> clock;  // seconds since 1970; empty: the system's
};

// What has happened since the start, for whoever watches the process.
struct ServiceCounters {
  std::map<std::string, uint64_t> ended;        // jobs by state
  std::map<std::string, double> stage_seconds;  // by stage
  std::map<std::string, uint64_t> refused;      // submissions by reason
  uint64_t left = 0;                            // jobs cancelled because their client went away
  uint64_t evaluations = 0, pictures = 0, guard_events = 0;
  double evaluation_seconds = 0;
  size_t waiting = 0, drawing = 0;            // now
  size_t reserved_bytes = 0, kept_bytes = 0;  // now: memory of those that draw, pictures of those that are done
};

enum class CancelReason {
  Asked,       // by the job's owner
  ClientLeft,  // who waited for it closed the connection
  TooLate,     // who waited for it said how long
  Shutdown,    // the process ends; a journaled job stays unfinished in the journal
};

class JobService {
 public:
  // Starts the workers, and reads the journal. Error{BadFile} as Journal has it. `engine` and `log` must outlive it.
  JobService(JobEngine& engine, ServiceOptions options, Log& log);
  ~JobService();  // stops what runs, within a block of a network; journaled jobs stay unfinished in the journal
  JobService(const JobService&) = delete;
  JobService& operator=(const JobService&) = delete;

  // Plans the request and puts it in line. Error as JobEngine::prepare throws them (OverBudget with what would fit as a
  // hint), Refusal when the queue is full or the process is about to end. Error{Cancelled}, and no job, where `stop` is
  // set while it plans. Gives the new job's id.
  std::string submit(Submission submission, StopToken stop = {});

  // Of these, each is for the job's owner only: Refusal{UnknownJob} or {ExpiredJob}.
  JobView view(const std::string& id, const std::string& owner);
  std::shared_ptr<const std::vector<std::byte>> picture(const std::string& id, const std::string& owner, size_t index);
  JobView cancel(const std::string& id, const std::string& owner, CancelReason reason = CancelReason::Asked);
  JobView to_front(const std::string& id, const std::string& owner);
  struct News {
    std::vector<JobEvent> events;
    bool is_over = false;  // the job's last event is among them, or was told before
  };
  News news(const std::string& id, const std::string& owner, uint64_t after);
  bool is_over(const std::string& id, const std::string& owner);

  // From now on `on_event` is called whenever the job has a new event, under no lock; mostly by the thread that draws,
  // which it holds up: it must be quick. For as long as the caller keeps what comes back; a call that has begun may
  // still go on then. Who listens gets previews.
  using Listener = std::shared_ptr<const std::function<void()>>;
  Listener listen(const std::string& id, const std::string& owner, std::function<void()> on_event);

  // The owner's jobs, latest first: at most `most` of those that came before job `before` (empty: all).
  std::vector<JobView> list(const std::string& owner, size_t most, const std::string& before = {});

  // Takes no more jobs; what waits and runs goes on.
  void drain();
  bool is_idle();  // nothing waits and nothing runs
  void cancel_all(CancelReason reason);

  // What so much work (speed_log.h) will take, by what was drawn before in that precision (Submission::precision);
  // nothing: nothing was.
  std::optional<double> seconds_of(double work, const std::string& precision);

  ServiceCounters counters();
  void count_refusal(const std::string& reason);
  void sweep();  // what is over its time goes; also done by the way

 private:
  class Watcher;
  class Arrival;
  using JobPtr = std::shared_ptr<JobEntry>;
  using Lock = std::unique_lock<std::mutex>;
  using Calls = std::vector<Listener>;

  // With the lock held. Who is to be called is called after it was let go.
  void require_room(size_t bytes);
  JobPtr get(const std::string& id, const std::string& owner);
  void tell(JobEntry& job, std::string_view event, const OrderedJson& data, Calls& calls);
  void tell_positions(Calls& calls);
  void move(JobEntry& job, JobMove move);
  void end(JobEntry& job, JobMove how, std::optional<Error> error, Calls& calls);
  void ask_to_stop(JobEntry& job, CancelReason reason, Calls& calls);
  int retry_after_s() const;
  std::vector<JobView> swept();
  JobPtr take(Lock& lock);
  bool is_too_late(const JobEntry& job) const;

  // Without it.
  static void announce(const Calls& calls);
  // Calls `work` with the engine that draws in this precision.
  template <typename Work>
  auto with_engine(const std::string& precision, const Work& work) {
    if (precision.empty()) return work(engine_);
    const std::unique_ptr<JobEngine> other = engine_.in_precision(precision);
    return work(*other);
  }
  JobPtr make_job(Submission&& submission, MemoryPlan&& plan);
  void write_promise(const JobEntry& job);
  void read_journal();
  void resume(JobRecord record);
  void restore(JobRecord record, std::optional<Error> lost);
  JobRecord record_of(const JobEntry& job);
  void persist_picture(const JobEntry& job);
  void write_quietly(const JobRecord& record);
  void persist_ended(const JobEntry& job, JobMove how, const std::optional<Error>& error);
  void remove_files(const std::vector<JobView>& jobs);
  void work();
  std::unique_ptr<PreparedDrawing> take_prepared(JobEntry& job);
  void draw(const JobPtr& job);
  void stop_if_too_late(JobEntry& job);
  void add_picture(JobEntry& job, GeneratedImage&& image);
  void finish(JobEntry& job, JobMove how, std::optional<Error> error, const GenerateResult& result);

  JobEngine& engine_;
  const ServiceOptions options_;
  Log& log_;
  std::unique_ptr<Journal> journal_;

  std::mutex mutex_;
  std::condition_variable work_;
  JobQueue queue_;
  JobStore store_;
  MemoryLedger ledger_;
  size_t held_bytes_ = 0;  // of pictures that jobs start from
  size_t arriving_ = 0;    // submissions that have their place in the queue and are being written down
  bool draining_ = false, stopping_ = false;
  double mean_seconds_ = 0;  // of the jobs so far, the last ones counting most
  ServiceCounters counters_;
  SpeedLog speeds_;
  std::vector<std::thread> workers_;
};

}  // namespace newbie
