#include "generate/network.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

#include "compile/devices.h"

namespace newbie {

namespace {

constexpr size_t kLeastStreamed = 64 * 1024;  // bytes of a weight that is worth the trouble

// Passes what a program tells on to those who look on, with the place of the run.
class WatchedRun final : public Observer, public StepClock {
 public:
  WatchedRun(const RunWatch& watch, Observer* probe, std::string_view part)
      : watch_(watch),
        wants_(watch.observer ? watch.observer->wants() : RunObserver::Wants{}),
        probe_(probe),
        part_(part) {
    if (wants_.alterations)
      alter_ = [this](const std::string& path, TensorView value) {
        watch_.observer->alter(watch_.at, part_, path, value);
      };
  }

  void on_value(const std::string& path, ConstTensorView value) override {
    if (probe_ != nullptr) probe_->on_value(path, value);
    if (sees_values()) watch_.observer->on_value(watch_.at, part_, path, value);
  }
  void on_step(const StepInfo& step, Clock::time_point start, Clock::time_point end) override {
    watch_.observer->on_operation(watch_.at, part_, step, start, end);
  }

  void begins(const Program& program, const Bindings& bindings) const {
    if (watch_.observer != nullptr) watch_.observer->on_run(watch_.at, part_, program, bindings);
  }
  void ended(const Bindings& bindings) const {
    if (wants_.values == RunObserver::Values::Named)
      for (const auto& [name, view] : bindings.outputs) watch_.observer->on_value(watch_.at, part_, name, view);
  }
  Observer* values() { return probe_ != nullptr || sees_values() ? this : nullptr; }
  StepClock* clock() { return wants_.operations ? this : nullptr; }
  const ValueFault* alteration() const { return wants_.alterations ? &alter_ : nullptr; }

 private:
  bool sees_values() const { return wants_.values != RunObserver::Values::None; }

  const RunWatch& watch_;
  RunObserver::Wants wants_;
  Observer* probe_;
  std::string_view part_;
  ValueFault alter_;
};

}  // namespace

std::optional<DType> stored_dtype(const WeightSource& weights, const std::string& name) {
  const auto spec = weights.find(name);
  if (!spec) return std::nullopt;
  if (weights.mapped(name).data == nullptr) return DType::F32;  // computed tensors come in f32
  return is_f8(spec->dtype) ? DType::BF16 : spec->dtype;        // kernels read no 8-bit floats; bf16 holds them exactly
}

Network::Network(Runtime& runtime, const WeightStore& store, std::string part)
    : runtime_(runtime), store_(store), part_(std::move(part)) {}

CompileOptions Network::compile_options(PrecisionPolicy policy) const {
  CompileOptions options{.precision = std::move(policy),
                         .adapters = adapted_ ? &adapted_->attached() : nullptr,
                         .part = part_,
                         .threads = runtime_.pool.size(),
                         .fuse = runtime_.fuse,
                         .decompose_all = runtime_.decompose,
                         .name_all = runtime_.name_values};
  options.stored_dtype = [&weights = source()](const std::string& name) { return newbie::stored_dtype(weights, name); };
  return options;
}

Graph Network::transformed(const Graph& graph, Bands bands) const {
  CompileOptions options = compile_options(runtime_.precision);
  options.bands = bands;
  return transform(graph, options);
}

Program Network::compile(const Graph& graph, Bands bands) const {
  return Program(transformed(graph, bands), *runtime_.backend, runtime_.pool.size());
}

void Network::show(const Graph& graph, Bands bands, const Program& program, RunObserver& observer) const {
  if (observer.wants().graphs) observer.on_graph(part_, transformed(graph, bands), program, source());
}

void Network::check_intact() const {
  store_.check_intact();
  if (adapted_) adapted_->added().check_intact();
  for (const auto& loaded : {base_, std::shared_ptr<const LoadedWeights>(own_)})
    if (loaded && loaded->packed) loaded->packed->check_intact();
}

void Network::use_cache(WeightCache& cache, const Part& part, std::function<std::string()> fingerprint) {
  cache_ = &cache;
  cache_key_ = [name = part_, &part, &runtime = runtime_, fingerprint = std::move(fingerprint)] {
    return WeightCacheKey{
        name, fingerprint(), stamps_of(part), part.config_text,
        fmt::format("{}, {}, {}", runtime.precision.hash(), runtime.backend->version(), this_cpu().name)};
  };
}

void Network::renew_cache() {
  if (own_) return own_->bank.release_pages();
  if (base_) return base_->bank.release_pages();
  if (cache_ == nullptr) return;
  const WeightCacheKey key = cache_key_();
  std::string hash = key.hash();
  if (packed_ && given_to_cache_.empty() && hash == opened_key_) return;
  packed_ = cache_->open(key);
  opened_key_ = std::move(hash);
  given_to_cache_.clear();
}

void Network::close_cache() {
  free();
  packed_.reset();
  opened_key_.clear();
}

void Network::keep_prepared(std::span<const Program* const> programs, StopToken stop) {
  if (cache_ == nullptr || !own_) return;
  const WeightBank& bank = own_->bank;
  std::vector<PackedWeight> weights;
  Buffer room;
  size_t room_bytes = 0;
  for (const Program* program : programs)
    for (const WeightUse& use : program->weights()) {
      if (adapted_ && adapted_->adds(use.name)) continue;  // of this job alone
      if (!bank.needs_work(use) || !given_to_cache_.insert(use.key()).second) continue;
      if (bank.streams(use)) room_bytes = std::max(room_bytes, bank.window_bytes(use));
      weights.push_back({use.key(), bank.prepared_bytes(use), [&] {
                           stop.throw_if_stopped();
                           const std::byte* kept = bank.find(use);
                           return kept != nullptr ? kept : bank.prepare_in(use, room.data(), nullptr, runtime_.pool);
                         }});
    }
  if (weights.empty()) return;
  // What never streams lies together, and the rest in the order it is read: what is kept then is a few long ranges.
  std::stable_partition(weights.begin(),
                        weights.end(),  // Clang 14 does not compile that of ranges
                        [](const PackedWeight& w) { return w.bytes < kLeastStreamed; });
  const WeightCacheKey key = cache_key_();
  if (key.hash() != opened_key_) return;  // the model's files changed since: whose weights these are is not known
  room = runtime_.allocator.allocate(room_bytes, "streamed weights");
  cache_->keep(key, weights);
}

void Network::stream(StreamedWeights streamed) {
  if (streamed == streamed_) return;
  free();
  streamed_ = std::move(streamed);
}

void Network::adopt(std::shared_ptr<const LoadedWeights> weights) {
  free();
  base_ = std::move(weights);
}

std::shared_ptr<const LoadedWeights> Network::loaded_weights() const { return own_ ? own_ : base_; }

std::shared_ptr<const LoadedWeights> Network::share() {
  if (base_ || !own_) return nullptr;
  base_ = std::exchange(own_, nullptr);
  return base_;
}

WeightBank::Kept Network::kept() const {
  WeightBank::Kept out;
  if (base_) out = out + base_->bank.kept();
  if (own_) out = out + own_->bank.kept();
  return out;
}

WeightBank::Plan Network::plan(std::span<const Program* const> programs, const StreamedWeights& streamed) const {
  std::vector<WeightUse> uses;
  for (const Program* program : programs) uses.insert(uses.end(), program->weights().begin(), program->weights().end());
  return bank(streamed, base()).plan(uses);
}

Network::Window Network::window(std::span<const Program* const> programs, const StreamedWeights& streamed) const {
  Window out;
  if (streamed.empty() && !on_device()) return out;
  const WeightBank bank = this->bank(streamed, base());
  for (const Program* program : programs) {
    const Program::Streaming read = program->streaming(bank);
    out.bytes = std::max(out.bytes, program->window_bytes(bank));
    if (on_device()) out.staging_bytes = std::max(out.staging_bytes, program->staging_bytes(bank));
    out.mapped_bytes = std::max(out.mapped_bytes, read.mapped_bytes);
    out.read_bytes = std::max(out.read_bytes, read.read_bytes);
  }
  return out;
}

StreamedWeights Network::choose_streamed(std::span<const Program* const> programs,
                                         std::span<const Program* const> running, size_t limit) const {
  std::vector<std::string> order;
  std::set<std::string_view> seen;
  for (const Program* program : programs)
    for (auto use = program->weights().rbegin(); use != program->weights().rend(); ++use)
      if (use->spec.bytes() >= kLeastStreamed && seen.insert(use->name).second) order.push_back(use->name);

  const auto first = [&](size_t count) {
    return StreamedWeights(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count));
  };
  size_t low = 0, high = order.size();  // `high` is enough, or all there is
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    const StreamedWeights some = first(middle);
    if (plan(programs, some).kept.all() + window(running, some).bytes <= limit)
      high = middle;
    else
      low = middle + 1;
  }
  return first(high);
}

double Network::seconds_per_streamed_byte(const Program& program, const StreamedWeights& streamed) const {
  const WeightBank bank = this->bank(streamed, base());
  const WeightUse* use = nullptr;
  for (const WeightUse& u : program.weights())
    if (bank.streams(u) && !bank.usable_as_mapped(u) && (use == nullptr || u.spec.bytes() > use->spec.bytes()))
      use = &u;
  if (use == nullptr) return 0;
  const Buffer room = runtime_.working_memory().allocate(bank.window_bytes(*use), "streamed weights");
  const Buffer staging = runtime_.allocator.allocate(bank.window_staging_bytes(*use), "weight staging");
  // Fresh pages cost more than any later use of the window.
  if (!on_device()) std::memset(room.data(), 0, room.size());
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  bank.prepare_in(*use, room.data(), staging.data(), runtime_.pool);
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return seconds / static_cast<double>(bank.stored_bytes(*use));
}

void Network::load(const Program& program, StopToken stop) try {
  if (!own_)
    own_ =
        std::make_shared<LoadedWeights>(LoadedWeights{adapted_, packed_, base_, bank(streamed_, base()), on_device()});
  own_->bank.prepare(program.weights(), runtime_.pool, stop);
  check_intact();
} catch (...) {
  free();
  throw;
}

void Network::free() {
  if (!own_ && !base_) return;
  own_.reset();
  base_.reset();
  Allocator::trim();  // the plan counts none of them any more
}

size_t Network::mapped_bytes(const Program& program, int64_t rows) const {
  constexpr size_t kPage = 4096;
  const WeightBank bank = this->bank({}, base());
  size_t total = 0;
  for (const WeightUse& use : program.weights()) {
    if (!use.by_rows || !bank.usable_as_mapped(use)) continue;
    const size_t row = static_cast<size_t>(use.spec.shape[1]) * size_of(use.spec.dtype);
    total += std::min(use.spec.bytes(), static_cast<size_t>(rows) * (row + 2 * kPage));
  }
  return total;
}

const WeightBank& Network::loaded() const {
  if (own_) return own_->bank;
  if (!base_) fail(ErrorKind::Internal, "{}: its weights are not loaded", part_);
  return base_->bank;
}

void Network::run(const Program& program, const Buffer& arena, const Bindings& bindings, StopToken stop,
                  const RunWatch& watch, Observer* probe) const {
  if (arena.size() < program.memory().arena_bytes)
    fail(ErrorKind::Internal, "{}: arena of {} bytes for a program of {}", part_, arena.size(),
         program.memory().arena_bytes);
  const Buffer window = runtime_.working_memory().allocate(program.window_bytes(loaded()), "streamed weights");
  const size_t staging_bytes = on_device() ? program.staging_bytes(loaded()) : 0;
  const Buffer staging = runtime_.allocator.allocate(staging_bytes, "staging for a device");
  WatchedRun watched(watch, probe, part_);
  ExecutionContext context{.threads = runtime_.pool,
                           .arena = arena.data(),
                           .stop = stop,
                           .clock = watched.clock(),
                           .value_fault = watched.alteration(),
                           .window = window.data(),
                           .memory = runtime_.device.get(),
                           .staging = staging.data()};
  watched.begins(program, bindings);
  program.run(context, loaded(), bindings, watched.values());
  watched.ended(bindings);
  check_intact();
}

WeightBank::Plan WeightForecast::plan_of(const std::vector<WeightUse>& uses) const {
  return network_->bank(*streamed_, there_ != nullptr ? &there_->bank : nullptr).plan(uses);
}

WeightBank::Plan WeightForecast::load(std::span<const Program* const> programs) {
  std::vector<WeightUse> added;
  for (const Program* program : programs)
    if (programs_.insert(program).second)
      for (const WeightUse& use : program->weights())
        if (keys_.insert(use.key()).second) added.push_back(use);
  if (added.empty()) return {};
  WeightBank::Plan out = plan_of(added);
  uses_.insert(uses_.end(), added.begin(), added.end());
  own_ = plan_of(uses_).kept;
  return out;
}

void WeightForecast::free() { *this = WeightForecast(*network_, *streamed_, nullptr); }

WeightBank::Kept WeightForecast::kept() const { return there_ == nullptr ? own_ : there_->bank.kept() + own_; }

}  // namespace newbie
