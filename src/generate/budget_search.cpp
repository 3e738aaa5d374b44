#include "generate/budget_search.h"

#include <algorithm>
#include <cmath>

#include "generate/job_programs.h"

namespace newbie {

namespace {

bool reads_text(StageKind stage) { return stage == StageKind::Gemma || stage == StageKind::Jina; }
bool walks(StageKind stage) {
  return stage == StageKind::Context || stage == StageKind::FirstPass || stage == StageKind::HiresPass;
}

double mib(size_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

class Search {
 public:
  Search(const JobContext& job, const Networks& networks, const KeptWeights& kept, size_t budget, StopToken stop)
      : job_(job), networks_(networks), kept_(kept), budget_(budget), stop_(stop) {}

  // The fastest run within the budget; the smallest one when none is found.
  PlannedRun find() {
    PlannedRun run = planned({}, Retries::Left);
    // Numbers are at most four times as wide in f32: there is room for everything in both.
    if (job_.engine.guard_mode != GuardMode::Retry || run.plan.peak_bytes() <= budget_ / 5) {
      if (fits(run)) return run;
    } else {
      retries_ = Retries::Planned;
      run = planned({});
      if (fits(run)) return run;
    }
    // Bands only where nothing else is enough: to stream the autoencoder costs less time, and programs that work in
    // bands are memory of the process, too, once they were built.
    PlannedRun least = smallest(Bands::None);
    const bool may_band = job_.engine.can_band() && !fits(least);
    std::vector<MemoryChoice> choices;
    while (!fits(run)) {
      const bool on_device = over_on_device(run) != 0;
      const StagePlan worst = on_device ? largest_on_device(run.plan) : run.plan.largest_held();
      RunVariant variant = run.variant;
      const size_t over = on_device ? over_on_device(run) : run.plan.held_bytes() - budget_;
      std::string what = relieve(variant, worst, over, may_band);
      if (what.empty()) {
        // Other stages than this one may still be larger than they have to be.
        if (may_band) least = smallest_of_all(std::move(least));
        run = std::move(least);
        choices = {{"everything streamed or freed that can be", "no way that keeps more was found within the budget"}};
        break;
      }
      if (std::ranges::find(choices, what, &MemoryChoice::what) == choices.end())  // otherwise more of the same
        choices.push_back({std::move(what),
                           on_device ? fmt::format("{} would take {:.0f} MiB of {:.0f} MiB of {}", worst.name(),
                                                   std::ceil(mib(worst.device.peak_bytes())),
                                                   std::floor(mib(run.plan.device_budget_bytes)), run.plan.device)
                                     : fmt::format("{} would take {:.0f} MiB of {:.0f} MiB", worst.name(),
                                                   std::ceil(mib(run.plan.held_bytes())), std::floor(mib(budget_)))});
      run = planned(std::move(variant));
    }
    run.plan.choices = std::move(choices);
    return run;
  }

  bool fits(const PlannedRun& run) const { return run.plan.held_bytes() <= budget_ && over_on_device(run) == 0; }
  size_t over_on_device(const PlannedRun& run) const {
    const size_t peak = run.plan.device_peak_bytes(), budget = run.plan.device_budget_bytes;
    return run.plan.device.empty() || peak <= budget ? 0 : peak - budget;
  }

 private:
  static const StagePlan& largest_on_device(const MemoryPlan& plan) {
    return *std::ranges::max_element(plan.stages, {}, [](const StagePlan& s) { return s.device.peak_bytes(); });
  }
  PlannedRun planned(RunVariant variant, Retries retries) const {
    stop_.throw_if_stopped();
    return plan_run(job_, networks_, kept_, std::move(variant), retries);
  }
  PlannedRun planned(RunVariant variant) const { return planned(std::move(variant), retries_); }

  // All that can be freed or streamed is.
  PlannedRun smallest(Bands bands) const {
    RunVariant v{.residency = Residency::FreeEachStage, .fresh = true, .bands = bands, .streamed = {}};
    for (const NetworkRow& row : kNetworks) {
      const std::vector<const Program*> programs = plain(programs_of(job_, row.network, bands));
      v.streamed[row.network] = networks_[row.network].choose_streamed(programs, programs, 0);
    }
    return planned(std::move(v));
  }
  PlannedRun smallest_of_all(PlannedRun least) const {
    PlannedRun once = smallest(Bands::Once), again = smallest(Bands::Again);
    once = planned(once.variant);  // beside the programs of both ways
    for (PlannedRun* other : {&once, &again})
      if (other->plan.held_bytes() < least.plan.held_bytes()) least = std::move(*other);
    return least;
  }

  // Changes `variant` so that `stage`, which is `over` bytes too large, takes less, at the least cost, and says how;
  // empty when nothing is left to change.
  std::string relieve(RunVariant& v, const StagePlan& stage, size_t over, bool may_band) const {
    if (!v.fresh && kept_.bytes() != 0) {
      v.fresh = true;
      return "weights of an earlier picture freed first";
    }
    const PreparedRequest& p = job_.prepared;
    const bool text = reads_text(stage.stage), walk = walks(stage.stage);
    // Freeing the transformer before the decoder is there helps where both are.
    const bool both = !walk || p.request.batch > 1 || p.hires();
    if (!text && !v.frees_each() && both && stage.stage != StageKind::Picture) {
      v.residency = Residency::FreeEachStage;
      return "each part freed after use";
    }
    // The autoencoder: where it is alone, and where it is what makes a walk with previews large.
    const bool decodes = !text && (!walk || (p.decodes_previews && largest_arena_bytes(decoder_programs(
                                                                       job_, p.last(), v.bands)) == stage.arena_bytes));
    if (decodes && may_band && v.bands != Bands::Again) {
      v.bands = v.bands == Bands::None ? Bands::Once : Bands::Again;
      return v.bands == Bands::Once ? "the autoencoder works in bands of rows"
                                    : "the autoencoder works in bands and "
                                      "computes enlarged pictures anew";
    }
    const NetworkKind network = network_of(stage.stage);
    const std::vector<const Program*> all = plain(programs_of(job_, network, v.bands));
    return stream(v, network, all, stage.stage == StageKind::Context ? plain(context_programs(job_)) : all, over);
  }

  std::string stream(RunVariant& v, NetworkKind kind, std::span<const Program* const> all,
                     std::span<const Program* const> running, size_t over) const {
    const Network& network = networks_[kind];
    StreamedWeights& streamed = v.streamed[kind];
    const size_t now = network.plan(all, streamed).kept.all() + network.window(running, streamed).bytes;
    StreamedWeights more = network.choose_streamed(all, running, now - std::min(now, over));
    more.insert(streamed.begin(), streamed.end());
    if (more.size() == streamed.size()) return {};
    streamed = std::move(more);
    return fmt::format("{} streamed", row_of(kind).words);
  }

  const JobContext& job_;
  const Networks& networks_;
  const KeptWeights& kept_;
  size_t budget_;
  StopToken stop_;
  Retries retries_ = Retries::Left;
};

}  // namespace

void refuse(const char* needs, size_t bytes, size_t budget) {
  constexpr size_t kProcessesDiffer = size_t{1} << 19;  // resident pages of two that do the same
  fail_with_hint(ErrorKind::OverBudget, "ask for a smaller picture, or give `memory` at least that much",
                 "this request needs {}{:.0f} MiB, the budget is {:.0f} MiB", needs,
                 std::ceil(mib(bytes + kProcessesDiffer)), std::floor(mib(budget)));
}

PlannedRun fit(const JobContext& job, Networks& networks, const KeptWeights& kept, size_t budget, StopToken stop) {
  Search search(job, networks, kept, budget, stop);
  PlannedRun out = search.find();
  if (job.engine.weight_cache && !search.fits(out)) {
    // Mapped pages come in larger pieces than the smallest weights that stream.
    for (Network& network : networks.items) network.close_cache();
    out = search.find();
  }
  if (const size_t over = search.over_on_device(out); over != 0)
    fail_with_hint(
        ErrorKind::OverBudget, "ask for a smaller picture or a narrower `dtype`, give `vram` more, or draw on the CPU",
        "this request needs {:.0f} MiB of {}, it has {:.0f} MiB", std::ceil(mib(out.plan.device_peak_bytes())),
        out.plan.device, std::floor(mib(out.plan.device_budget_bytes)));
  if (!search.fits(out)) refuse("", out.plan.held_bytes(), budget);
  out.plan.budget_bytes = budget;
  return out;
}

}  // namespace newbie
