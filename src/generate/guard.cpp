#include "generate/guard.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <mutex>

#include "core/float_formats.h"

namespace newbie {

namespace {

// Every block of every step is looked at: compiled for wider vectors, too, where the compiler chooses among them.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define NEWBIE_WIDE __attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
#else
#define NEWBIE_WIDE
#endif

// Without the sign, the bits of IEEE numbers are ordered as their magnitudes are, infinity and NaN at the end.
NEWBIE_WIDE int32_t largest_32(const int32_t* bits, size_t count) {
  int32_t largest = 0;
  for (size_t i = 0; i < count; ++i) largest = std::max(largest, bits[i] & 0x7FFFFFFF);
  return largest;
}
NEWBIE_WIDE int16_t largest_16(const int16_t* bits, size_t count) {
  int16_t largest = 0;
  for (size_t i = 0; i < count; ++i) largest = std::max(largest, static_cast<int16_t>(bits[i] & 0x7FFF));
  return largest;
}

float largest(DType dtype, const std::byte* data, size_t count) {
  switch (dtype) {
    case DType::F32: return std::bit_cast<float>(largest_32(reinterpret_cast<const int32_t*>(data), count));
    case DType::BF16:
      return to_float(bf16_t{static_cast<uint16_t>(largest_16(reinterpret_cast<const int16_t*>(data), count))});
    case DType::F16:
      return to_float(f16_t{static_cast<uint16_t>(largest_16(reinterpret_cast<const int16_t*>(data), count))});
    default: return 0;  // no float
  }
}

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

// Spread of a picture's levels.
struct Spread {
  int range = 0;         // the widest of a channel
  double deviation = 0;  // of the channel that varies most
};

Spread spread_of(const Image& image) {
  Spread out;
  const auto channels = static_cast<size_t>(image.channels);
  const auto count = static_cast<double>(image.pixels.size() / channels);
  for (size_t c = 0; c < channels; ++c) {
    int low = 255, high = 0;
    double sum = 0, squares = 0;
    for (size_t i = c; i < image.pixels.size(); i += channels) {
      const int v = image.pixels[i];
      low = std::min(low, v);
      high = std::max(high, v);
      sum += v;
      squares += static_cast<double>(v) * v;
    }
    out.range = std::max(out.range, high - low);
    out.deviation = std::max(out.deviation, std::sqrt(std::max(0.0, squares / count - sum / count * (sum / count))));
  }
  return out;
}

}  // namespace

float abs_max(ConstTensorView value, ThreadPool& threads) {
  constexpr size_t kBlock = size_t{1} << 15;
  const size_t count = value.spec.shape.elements(), size = size_of(value.spec.dtype);
  const size_t blocks = (count + kBlock - 1) / kBlock;
  if (blocks <= 1) return largest(value.spec.dtype, value.data, count);
  std::mutex mutex;
  float most = 0;
  threads.run(static_cast<int64_t>(blocks), [&](int64_t block, int) {
    const size_t first = static_cast<size_t>(block) * kBlock;
    const float here = largest(value.spec.dtype, value.data + first * size, std::min(kBlock, count - first));
    const std::lock_guard lock(mutex);
    if (std::isnan(here) || here > most) most = here;  // nothing is larger than NaN
  });
  return most;
}

Guard::Guard(GuardMode mode, Runtime& runtime, Log& log, const MemoryPlan& plan, Explain explain)
    : mode_(mode), runtime_(runtime), log_(log), plan_(plan), explain_(std::move(explain)) {}

Guard::~Guard() {
  for (auto& [network, state] : states_) network->drop(state.extra);
}

void Guard::end_stage(Network& network) {
  State& state = states_[&network];
  network.drop(state.extra);
  state.extra.clear();
}

PrecisionPolicy Guard::widened(const State& state) const {
  PrecisionPolicy policy = runtime_.precision;
  for (const std::string& glob : state.wide)
    policy.rules.push_back(
        {.path_glob = glob, .change = OpPrecision{}, .rank = RuleRank::Guard, .origin = "the guard"});
  return policy;
}

void Guard::note(const std::string& where, const std::string& problem, const std::string& action) {
  if (!events_.empty() && events_.back().where == where && events_.back().problem == problem &&
      events_.back().action == action && events_.back().picture == picture_)
    return;  // the same again, in the next step
  events_.push_back({where, problem, action, picture_, evaluation_});
  log_.warn("guard: {}: {}{}: {}", where, problem,
            evaluation_ != 0 ? fmt::format(" in evaluation {}", evaluation_) : std::string(), action);
}

void Guard::give_up(const std::string& where, const std::string& problem) {
  explain_(where);
  if (mode_ == GuardMode::Strict)
    fail_with_hint(ErrorKind::Unsupported, "`guard` retry, or a wider `dtype`", "{}: {}", where, problem);
  fail_with_hint(ErrorKind::BadFile, "`check_weights` tells whether the weights are whole", "{}: {}, in f32 too", where,
                 problem);
}

// Adds the first of `globs` that changes an op to what runs in f32, and returns it; empty when none does.
std::string Guard::widen(State& state, const Work& work, std::span<const std::string> globs) {
  const auto compiled = [&] { return transform(work.build(), work.network.compile_options(widened(state))).str(); };
  const std::string before = compiled();
  for (const std::string& glob : globs) {
    if (!state.wide.insert(glob).second) continue;
    if (compiled() == before) {
      state.wide.erase(glob);
      continue;
    }
    work.network.drop(state.extra);  // others are wanted now
    state.extra.clear();
    state.programs.clear();
    return glob;
  }
  return {};
}

const Program& Guard::load_wider(State& state, const Work& work, StopToken stop) {
  auto it = state.programs.find(&work.program);
  if (it == state.programs.end())
    it = state.programs
             .emplace(&work.program,
                      compile(work.build(), *runtime_.backend, work.network.compile_options(widened(state))))
             .first;
  const Program& program = it->second;
  const std::vector<WeightUse> missing = work.network.missing(program);
  const WeightBank::Plan more = work.network.plan(missing);
  const auto stage = std::ranges::find(plan_.stages, work.stage, &StagePlan::name);
  if (stage == plan_.stages.end()) fail(ErrorKind::Internal, "no stage {} in the plan", work.stage);

  // A stage of its own in the plan: all of the planned one, and what is wider beside it.
  StagePlan retry = *stage;
  retry.name += " retry";
  const auto known = std::ranges::find(retries_, retry.name, &StagePlan::name);
  const WeightBank::Plan before = work.network.plan(state.extra);
  const WeightBank::Kept extra = before.kept + more.kept;
  const size_t loading = stage->running_bytes() - stage->window_bytes + before.kept.bytes + more.peak_bytes;
  const Program* running = &program;
  const Network::Window window = work.network.window(std::span(&running, 1), work.network.streamed());
  retry.weights_bytes += extra.bytes;
  retry.page_bytes += extra.page_bytes;
  retry.window_bytes = window.bytes;
  retry.running_file_bytes = window.mapped_bytes;
  retry.arena_bytes += program.memory().arena_bytes;
  retry.loading_peak_bytes = std::max(retry.loading_peak_bytes, missing.empty() ? 0 : loading);
  if (const size_t needed = plan_.process_bytes + plan_.mapped_bytes + retry.resident_peak_bytes();
      plan_.budget_bytes != 0 && needed > plan_.budget_bytes)
    fail_with_hint(ErrorKind::OverBudget, "give `memory` at least that much, or a wider `dtype`",
                   "the guard's retry needs {:.0f} MiB, the budget is {:.0f} MiB",
                   std::ceil(static_cast<double>(needed) / (1 << 20)),
                   std::floor(static_cast<double>(plan_.budget_bytes) / (1 << 20)));
  if (known == retries_.end()) {
    retries_.push_back(retry);
  } else if (retry.peak_bytes() > known->peak_bytes()) {
    *known = retry;  // the largest of several
  }
  state.extra.insert(state.extra.end(), missing.begin(), missing.end());
  work.network.load(program, stop);
  return program;
}

void Guard::run_once(const Work& work, StopToken stop, Observer* observer) {
  State& state = states_[&work.network];
  if (state.wide.empty()) return work.network.run(work.program, work.arena, work.bindings, stop, observer);
  const Program& program = load_wider(state, work, stop);
  const Buffer arena = runtime_.allocator.allocate(program.memory().arena_bytes, "arena of a retry");
  work.network.run(program, arena, work.bindings, stop, observer);
}

void Guard::run(const Work& work, StopToken stop) {
  if (mode_ == GuardMode::Off) return run_once(work, stop, nullptr);
  while (true) {
    BlockProbe probe(runtime_.pool);
    run_once(work, stop, &probe);
    const std::string& part = work.network.part();
    std::string where = probe.bad().empty() ? "" : part + '.' + probe.bad(), problem = probe.problem();
    for (const auto& [name, view] : work.bindings.outputs) {
      if (!where.empty()) break;
      const float most = abs_max(view, runtime_.pool);
      if (std::isfinite(most)) continue;
      where = part;
      problem = fmt::format("{} in {}", std::isnan(most) ? "NaN" : "infinite values", name);
    }
    if (where.empty()) return;
    if (mode_ == GuardMode::Warn) return note(where, problem, "left as it is");
    if (mode_ == GuardMode::Strict) give_up(where, problem);
    // One block alone; when that was not enough, or another goes bad, all of them: a stream that has grown too large
    // for one block is so for the next.
    State& state = states_[&work.network];
    const std::string globs[] = {where, part};
    const std::string wider = widen(state, work, std::span(globs).subspan(state.wide.empty() ? 0 : 1));
    if (wider.empty()) give_up(where, problem);
    note(where, problem, fmt::format("run again with {} in f32", wider));
  }
}

void Guard::check_finite(std::span<const float> values, const char* where) {
  if (mode_ == GuardMode::Off) return;
  const TensorSpec spec{{static_cast<int64_t>(values.size())}, DType::F32};
  const float most = abs_max({spec, reinterpret_cast<const std::byte*>(values.data())}, runtime_.pool);
  if (std::isfinite(most)) return;
  const char* problem = std::isnan(most) ? "NaN" : "infinite values";
  if (mode_ == GuardMode::Warn) return note(where, problem, "left as it is");
  give_up(where, problem);
}

void Guard::check_picture(Image& picture, const Work& work, const std::function<Image()>& draw) {
  if (mode_ == GuardMode::Off) return;
  constexpr const char* kWhere = "picture";
  constexpr double kPlain = 2.0;  // levels
  while (true) {
    const Spread spread = spread_of(picture);
    if (spread.range > 1) {
      if (spread.deviation < kPlain)
        note(kWhere, fmt::format("its levels vary by {:.1f} only", spread.deviation), "left as it is");
      return;
    }
    const char* problem = "it has one colour";
    if (mode_ == GuardMode::Warn) return note(kWhere, problem, "left as it is");
    if (mode_ == GuardMode::Strict) give_up(kWhere, problem);
    const std::string part = work.network.part();
    if (widen(states_[&work.network], work, std::span(&part, 1)).empty()) give_up(kWhere, problem);
    note(kWhere, problem, fmt::format("run again with {} in f32", part));
    picture = draw();
  }
}

}  // namespace newbie
