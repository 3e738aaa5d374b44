#include "generate/guard.h"

#include <algorithm>
#include <cmath>

#include "generate/finite.h"
#include "generate/wide_weights.h"

namespace newbie {

namespace {

bool ends_block(const std::string& path) {
  const size_t dot = path.rfind('.');
  return dot != std::string::npos && dot + 1 < path.size() &&
         path.find_first_not_of("0123456789", dot + 1) == std::string::npos;
}

// Remembers the first block whose values are not finite.
class BlockProbe final : public Observer {
 public:
  explicit BlockProbe(ThreadPool& threads) : threads_(threads) {}

  void on_value(const std::string& path, ConstTensorView value) override {
    if (!bad_.empty() || !ends_block(path)) return;
    if (const float most = abs_max(value, threads_); !std::isfinite(most)) {
      bad_ = path;
      problem_ = std::isnan(most) ? "NaN" : "infinite values";
    }
  }
  const std::string& bad() const { return bad_; }
  const std::string& problem() const { return problem_; }

 private:
  ThreadPool& threads_;
  std::string bad_, problem_;
};

constexpr Named<GuardMode> kGuardModes[] = {
    {GuardMode::Off, "off"}, {GuardMode::Warn, "warn"}, {GuardMode::Retry, "retry"}, {GuardMode::Strict, "strict"}};

}  // namespace

std::span<const Named<GuardMode>> guard_modes() { return kGuardModes; }

// What was found to need f32, and what runs instead of the stage's programs.
struct Guard::State {
  std::set<std::string> wide;  // globs of what runs in f32
  // Of the stage that runs.
  std::optional<Network> network;                           // beside the planned one
  std::map<const CachedProgram*, const Program*> programs;  // by the one they stand for
  std::vector<std::unique_ptr<const Program>> own;          // those that no plan knows

  void leave() {
    network.reset();
    programs.clear();
    own.clear();
  }
};

Guard::Guard(const JobContext& job, const MemoryPlan& plan, RunObserver& observer)
    : job_(job), mode_(job.engine.guard_mode), threads_(job.engine.runtime.pool), plan_(plan), observer_(observer) {}

Guard::~Guard() = default;

Guard::State& Guard::state_of(const Network& network) {
  std::unique_ptr<State>& out = states_[&network];
  if (!out) out = std::make_unique<State>();
  return *out;
}

void Guard::end_stage(Network& network) { state_of(network).leave(); }

void Guard::note(const std::string& where, const std::string& problem, const std::string& action) {
  if (!events_.empty() && events_.back().where == where && events_.back().problem == problem &&
      events_.back().action == action && events_.back().picture == at_.picture)
    return;  // the same again, in the next step
  events_.push_back({where, problem, action, at_.picture, at_.evaluation});
  job_.log.warn("guard: {}: {}{}: {}", where, problem,
                at_.evaluation != 0 ? fmt::format(" in evaluation {}", at_.evaluation) : std::string(), action);
  observer_.on_guard(at_, events_.back());
}

void Guard::give_up(const std::string& where, const std::string& problem) {
  job_.model().name_damage(where, threads_);
  if (mode_ == GuardMode::Strict)
    fail_with_hint(ErrorKind::Unsupported,
                   job_.engine.runtime.device ? "a wider `dtype`; on the CPU the guard runs it again in f32"
                                              : "`guard` retry, or a wider `dtype`",
                   "{}: {}", where, problem);
  fail_with_hint(ErrorKind::BadFile, "`check_weights` tells whether the weights are whole", "{}: {}, in f32 too", where,
                 problem);
}

std::string Guard::widen(const Task& task, std::span<const std::string> globs, StopToken stop) {
  State& state = state_of(task.network);
  const auto compiled = [&](const std::set<std::string>& wide) {
    const std::vector<std::string> all(wide.begin(), wide.end());
    return transform(build_graph(job_.model(), task.program.key), job_.engine.compile_options(task.program.key, all))
        .str();
  };
  for (const std::string& glob : globs) {
    if (state.wide.contains(glob)) continue;
    const std::set<std::string> before = state.wide;
    state.wide.insert(glob);
    if (compiled(before) != compiled(state.wide)) {
      state.leave();
      enter(state, task, stop);
      return state.wide.contains(glob) ? glob : *state.wide.begin();
    }
    state.wide = before;
  }
  return {};
}

// A block alone may have no room where the whole part has: the plan knows what that takes.
void Guard::enter(State& state, const Task& task, StopToken stop) {
  if (try_enter(state, task, stop)) return;
  state.wide = {task.network.part()};
  state.leave();
  if (try_enter(state, task, stop)) return;
  fail_with_hint(ErrorKind::OverBudget, "give `memory` more, or a wider `dtype`",
                 "{}: the guard's retry does not fit into the budget of {:.0f} MiB", to_string(task.watch.at.stage),
                 std::floor(static_cast<double>(plan_.budget_bytes) / (1 << 20)));
}

bool Guard::try_enter(State& state, const Task& task, StopToken stop) {
  // What the heap takes for a program that was not there when the plan was made, and for making it.
  constexpr size_t kHeapOfStep = 8192;
  Engine& engine = job_.engine;
  const bool whole = state.wide.contains(task.network.part());
  std::vector<const Program*> wide;
  size_t heap_bytes = 0;
  for (const CachedProgram* narrow : task.programs) {
    if (narrow->network() != task.program.network()) continue;
    ProgramKey key = narrow->key;
    if (whole) {
      key.wide = true;
      wide.push_back(&job_.programs.get(key).program);
    } else {
      const std::vector<std::string> globs(state.wide.begin(), state.wide.end());
      state.own.push_back(std::make_unique<const Program>(
          compile(build_graph(job_.model(), key), *engine.runtime.backend, engine.compile_options(key, globs))));
      wide.push_back(state.own.back().get());
      heap_bytes += wide.back()->steps() * kHeapOfStep;
    }
    state.programs[narrow] = wide.back();
  }
  const auto stage = std::ranges::find(plan_.stages, task.watch.at.stage, &StagePlan::stage);
  if (stage == plan_.stages.end()) fail(ErrorKind::Internal, "no stage {} in the plan", to_string(task.watch.at.stage));
  const size_t taken = plan_.beside_stages_bytes() + heap_bytes;
  const size_t limit = plan_.budget_bytes - std::min(plan_.budget_bytes, taken);

  Network& network = state.network.emplace(engine.network(task.program.network()));
  network.adapt(engine.adapters.find(task.program.key.adapters));
  network.adopt(task.network.loaded_weights());
  const WideStage chosen = widest_stage_within(network, wide, *stage, limit);
  if (chosen.plan.resident_peak_bytes() > limit) return false;
  size_t arena_bytes = task.arena.size();
  for (const Program* program : wide) arena_bytes = std::max(arena_bytes, program->memory().arena_bytes);
  if (arena_bytes != task.arena.size()) {
    task.arena = {};
    task.arena = engine.runtime.allocator.allocate(arena_bytes, "arena of a retry");
  }
  network.stream(chosen.streamed);
  network.adopt(task.network.loaded_weights());
  for (const Program* program : wide) network.load(*program, stop);

  const auto known = std::ranges::find(retries_, chosen.plan.stage, &StagePlan::stage);
  if (known == retries_.end())
    retries_.push_back(chosen.plan);
  else if (chosen.plan.peak_bytes() > known->peak_bytes())
    *known = chosen.plan;  // the largest of several
  return true;
}

void Guard::run_once(const Task& task, StopToken stop, Observer* observer) {
  State& state = state_of(task.network);
  if (state.wide.empty())
    return task.network.run(task.program.program, task.arena, task.bindings, stop, task.watch, observer);
  if (!state.network) enter(state, task, stop);
  state.network->run(*state.programs.at(&task.program), task.arena, task.bindings, stop, task.watch, observer);
}

bool Guard::outputs_finite(const Bindings& bindings) const {
  return std::ranges::all_of(bindings.outputs,
                             [&](const auto& output) { return std::isfinite(abs_max(output.second, threads_)); });
}

void Guard::run(const Task& task, StopToken stop) {
  at_ = task.watch.at;
  if (mode_ == GuardMode::Off) return run_once(task, stop, nullptr);
  while (true) {
    BlockProbe probe(threads_);
    // On a device looking on costs a copy of every value: only where an output tells that there is something to find.
    const bool looks_on = !job_.engine.runtime.device;
    run_once(task, stop, looks_on ? &probe : nullptr);
    if (!looks_on && !outputs_finite(task.bindings)) run_once(task, stop, &probe);
    const std::string& part = task.network.part();
    std::string where = probe.bad().empty() ? "" : part + '.' + probe.bad(), problem = probe.problem();
    for (const auto& [name, view] : task.bindings.outputs) {
      if (!where.empty()) break;
      const float most = abs_max(view, threads_);
      if (std::isfinite(most)) continue;
      where = part;
      problem = fmt::format("{} in {}", std::isnan(most) ? "NaN" : "infinite values", name);
    }
    if (where.empty()) return;
    if (mode_ == GuardMode::Warn) return note(where, problem, "left as it is");
    if (mode_ == GuardMode::Strict) give_up(where, problem);
    // One block alone; when that was not enough, or another goes bad, all of them: a stream that has grown too large
    // for one block is so for the next.
    const std::string globs[] = {where, part};
    const std::string wider = widen(task, std::span(globs).subspan(state_of(task.network).wide.empty() ? 0 : 1), stop);
    if (wider.empty()) give_up(where, problem);
    note(where, problem, fmt::format("run again with {} in f32", wider));
  }
}

void Guard::check_finite(std::span<const float> values, const char* where, const RunPlace& at) {
  if (mode_ == GuardMode::Off) return;
  at_ = at;
  const TensorSpec spec{{static_cast<int64_t>(values.size())}, DType::F32};
  const float most = abs_max({spec, reinterpret_cast<const std::byte*>(values.data())}, threads_);
  if (std::isfinite(most)) return;
  const char* problem = std::isnan(most) ? "NaN" : "infinite values";
  if (mode_ == GuardMode::Warn) return note(where, problem, "left as it is");
  give_up(where, problem);
}

void Guard::check_picture(Image& picture, const Task& task, const std::function<Image()>& draw) {
  if (mode_ == GuardMode::Off) return;
  at_ = task.watch.at;
  constexpr const char* kWhere = "picture";
  constexpr double kPlain = 2.0;  // levels
  while (true) {
    const LevelSpread spread = spread_of(picture);
    if (spread.range > 1) {
      if (spread.deviation < kPlain)
        note(kWhere, fmt::format("its levels vary by {:.1f} only", spread.deviation), "left as it is");
      return;
    }
    const char* problem = "it has one colour";
    if (mode_ == GuardMode::Warn) return note(kWhere, problem, "left as it is");
    if (mode_ == GuardMode::Strict) give_up(kWhere, problem);
    const std::string part = task.network.part();
    if (widen(task, std::span(&part, 1), {}).empty()) give_up(kWhere, problem);
    note(kWhere, problem, fmt::format("run again with {} in f32", part));
    picture = draw();
  }
}

}  // namespace newbie
