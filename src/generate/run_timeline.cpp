#include "generate/run_timeline.h"

#include <chrono>
#include <map>

#include "generate/job_programs.h"

namespace newbie {

namespace {

using Clock = std::chrono::steady_clock;

// Passes are timed together, and so is what lies between them.
StageKind timed_as(StageKind stage) {
  if (stage == StageKind::HiresPass) return StageKind::FirstPass;
  if (stage == StageKind::Encode) return StageKind::Enlarge;
  return stage;
}

bool same_place(const RunPlace& a, const RunPlace& b) {
  return a.stage == b.stage && a.pass == b.pass && a.picture == b.picture;
}

// Reads a timeline and does what it says.
class DoIt {
 public:
  DoIt(const JobContext& job, const PlannedRun& planned, Networks& networks, EngineMemory::Reservation& reservation,
       StageRun& run)
      : job_(job), planned_(planned), networks_(networks), reservation_(reservation), run_(run) {}

  void enter(const Timeline::Entry& entry) {
    const RunPlace at{entry.stage->kind, entry.stage->pass, entry.picture, job_.request().batch, 0, 0};
    const bool is_new = !same_place(at, run_.at);
    run_.at = at;
    start_ = Clock::now();
    if (is_new) run_.observer.on_stage(at);
  }
  void do_act(const Take& take) {
    const BufferSpec& spec = planned_.timeline.buffers[take.buffer.index];
    Runtime& runtime = job_.engine.runtime;
    MemorySpace& memory = spec.arena ? runtime.working_memory() : runtime.allocator;
    run_.buffers[take.buffer.index] = memory.allocate(spec.bytes, spec.purpose);
  }
  void do_act(const Give& give) { run_.buffers[give.buffer.index] = {}; }
  void do_act(const Load& load) {
    Network& network = networks_[load.network];
    const std::vector<const Program*> programs = plain(load.programs);
    for (const Program* program : programs) network.load(*program, run_.stop);
    network.keep_prepared(programs, run_.stop);
    if (stays(load.network)) reservation_.publish(load.network, network.share());
  }
  void do_act(const Free& free) { networks_[free.network].free(); }
  void do_act(const Perform& work) {
    run_.programs = &work.programs;
    work.run(run_);
  }
  void leave(const Timeline::Entry& entry) {
    seconds_[timed_as(entry.stage->kind)] += std::chrono::duration<double>(Clock::now() - start_).count();
  }

  std::vector<StageTime> times() const {
    std::vector<StageTime> out;
    for (const auto& [stage, seconds] : seconds_) out.push_back({std::string(to_string(stage)), seconds});
    return out;
  }

 private:
  // Whole, and not freed until the run is done: for the jobs that follow.
  bool stays(NetworkKind network) const {
    return (network == NetworkKind::Dit || network == NetworkKind::Decoder) && !planned_.variant.frees_each() &&
           planned_.variant.streamed[network].empty();
  }

  const JobContext& job_;
  const PlannedRun& planned_;
  Networks& networks_;
  EngineMemory::Reservation& reservation_;
  StageRun& run_;
  Clock::time_point start_;
  std::map<StageKind, double> seconds_;
};

void show_graphs(const JobContext& job, const Networks& networks, RunObserver& observer) {
  if (!observer.wants().graphs) return;
  for (const auto& [key, program] : job.programs.all())
    networks[program->network()].show(build_graph(job.model(), key), key.bands, program->program, observer);
}

}  // namespace

GenerateResult run_timeline(const JobContext& job, const PlannedRun& planned, Networks& networks,
                            EngineMemory::Reservation& reservation, RunObserver& observer, StopToken stop,
                            const std::function<void(GeneratedImage)>& on_image) {
  show_graphs(job, networks, observer);
  RunSoFar state{.init = {},
                 .picture = {},
                 .walks = std::vector<WalkFacts>(static_cast<size_t>(job.request().batch)),
                 .on_image = on_image};
  std::vector<Buffer> buffers(planned.timeline.buffers.size());
  Guard guard(job, planned.plan, observer);
  StageRun run{job, networks, buffers, guard, observer, stop, state, {}, nullptr};
  DoIt doing(job, planned, networks, reservation, run);
  read(planned.timeline, doing);

  GenerateResult result;
  result.times = doing.times();
  result.evaluations = state.evaluations;
  result.shortened_evaluations = state.shortened_evaluations;
  for (const WalkFacts& walk : state.walks)
    if (walk.estimated_distance) result.estimated_distances.push_back(*walk.estimated_distance);
  result.plan = planned.plan;
  result.plan.stages.insert(result.plan.stages.end(), guard.retries().begin(), guard.retries().end());
  result.guard_events = guard.events();
  return result;
}

}  // namespace newbie
