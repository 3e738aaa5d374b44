#include "generate/job.h"

#include <chrono>
#include <exception>

#include "core/machine.h"
#include "generate/budget_search.h"
#include "generate/job_programs.h"
#include "generate/picture_facts.h"
#include "generate/prepare_request.h"
#include "generate/rethrow_as_error.h"
#include "generate/run_timeline.h"

namespace newbie {

namespace {

double seconds_from(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

struct Job::Impl {
  Impl(Engine& e, const GenerateRequest& request, const JobOptions& o)
      : engine(e),
        options(o),
        log(o.log != nullptr ? *o.log : e.log),
        prepared(prepare_request(e, request, budget(), log)),
        programs(e.programs, prepared.adapters),
        networks(e, prepared.adapters),
        context{engine, prepared, programs, log} {
    plan(o.stop);
    prepare_seconds = seconds_from(start);
  }

  size_t budget() const {
    return engine.budget_bytes != 0 ? engine.budget_bytes : available_memory_bytes() + resident_bytes();
  }

  void plan(StopToken stop) {
    struct Stopping {
      JobPrograms& programs;
      ~Stopping() { programs.stop_at({}); }
    } stopping{programs};
    programs.stop_at(stop);
    const KeptWeights kept = engine.memory.kept();
    // Pages of weights that are used where they lie would count as the process's; they come back when they are read.
    if (engine.memory.idle())
      for (const auto& weights : kept.weights)
        if (weights) weights->bank.release_pages();
    for (Network& network : networks.items) network.renew_cache();
    planned = fit(context, networks, kept, budget(), stop);
    generation = kept.generation;
  }

  EngineMemory::Reservation reserve(StopToken stop) {
    while (true) {
      if (engine.memory.kept().generation != generation) plan(stop);
      const MemoryPlan& p = planned.plan;
      auto reservation = engine.memory.reserve({.bytes = p.held_bytes() - p.process_bytes,
                                                .process_bytes = p.process_bytes,
                                                .budget_bytes = p.budget_bytes,
                                                .fresh = planned.variant.fresh,
                                                .generation = generation,
                                                .when_full = options.when_full},
                                               stop);
      if (reservation) return std::move(*reservation);
    }
  }

  void free_networks() {
    for (Network& network : networks.items) network.free();
  }

  GenerateResult run(RunObserver& observer, StopToken stop, const std::function<void(GeneratedImage)>& on_image);

  Engine& engine;
  JobOptions options;
  Log& log;
  std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
  PreparedRequest prepared;
  JobPrograms programs;
  Networks networks;
  JobContext context;
  PlannedRun planned;
  uint64_t generation = 0;  // of the kept weights it was planned with
  double prepare_seconds = 0;
};

GenerateResult Job::Impl::run(RunObserver& observer, StopToken stop,
                              const std::function<void(GeneratedImage)>& on_image) {
  observer.on_stage({.stage = StageKind::Plan, .pictures = prepared.request.batch});
  const auto begin = std::chrono::steady_clock::now();
  EngineMemory::Reservation reservation = reserve(stop);
  // Nothing of a run that fails stays; what the user just stopped may go on.
  struct Leave {
    Impl& job;
    EngineMemory::Reservation& reservation;
    StopToken stop;
    int before = std::uncaught_exceptions();
    ~Leave() {
      job.free_networks();
      reservation.end(std::uncaught_exceptions() == before || stop.stop_requested());
    }
  } leave{*this, reservation, stop};
  engine.memory.note_process_bytes(planned.plan.process_bytes);
  for (const NetworkRow& row : kNetworks) {
    networks[row.network].stream(planned.variant.streamed[row.network]);
    if (const auto& kept = reservation.adopted().weights[row.network]) networks[row.network].adopt(kept);
  }
  if (reservation.alone()) {
    engine.runtime.allocator.reset_peak();
    if (engine.runtime.device) engine.runtime.device->reset_peak();
  }
  GenerateResult result = run_timeline(context, planned, networks, reservation, observer, stop, on_image);
  result.allocated_peak_bytes = engine.runtime.allocator.peak_bytes();
  if (engine.runtime.device) result.device_peak_bytes = engine.runtime.device->peak_bytes();
  result.times.insert(result.times.begin(), {std::string(to_string(StageKind::Plan)), prepare_seconds});
  result.times.push_back({"total", prepare_seconds + seconds_from(begin)});
  return result;
}

Job::Job(Engine& engine, const GenerateRequest& request, const JobOptions& options) try
    : impl_(std::make_unique<Impl>(engine, request, options)) {
} catch (...) {
  rethrow_as_error();
}
Job::~Job() = default;
Job::Job(Job&&) noexcept = default;
Job& Job::operator=(Job&&) noexcept = default;

const GenerateRequest& Job::request() const { return impl_->prepared.request; }
std::span<const Pass> Job::passes() const { return impl_->prepared.passes; }
std::string Job::request_json(int k) const {
  return newbie::request_json(impl_->prepared.request, picture_facts(impl_->engine, impl_->prepared, k));
}
PictureSize Job::size() const { return impl_->prepared.final_size(); }
const MemoryPlan& Job::plan() const { return impl_->planned.plan; }

MemoryPlan Job::plan_with_times() const try {
  const RunVariant& variant = impl_->planned.variant;
  MemoryPlan out = impl_->planned.plan;
  for (StreamedPart& part : out.streamed)
    for (const NetworkRow& row : kNetworks) {
      const Network& network = impl_->networks[row.network];
      if (network.part() != part.part || row.network == NetworkKind::Encoder) continue;
      for (const Program* program : plain(programs_of(impl_->context, row.network, variant.bands)))
        if (const double each = network.seconds_per_streamed_byte(*program, variant.streamed[row.network]); each != 0)
          part.seconds = each * static_cast<double>(part.read_bytes);
    }
  return out;
} catch (...) {
  rethrow_as_error();
}

GenerateResult Job::run(RunObserver& observer, StopToken stop,
                        const std::function<void(GeneratedImage)>& on_image) try {
  return impl_->run(observer, stop, on_image);
} catch (...) {
  rethrow_as_error();
}

size_t Job::weights_bytes() const {
  size_t out = 0;
  for (const Network& network : impl_->networks.items) out += network.kept().bytes;
  return out;
}

}  // namespace newbie
