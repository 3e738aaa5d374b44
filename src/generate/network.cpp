#include "generate/network.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "compile/devices.h"

namespace newbie {

namespace {

constexpr size_t kLeastStreamed = 64 * 1024;  // bytes of a weight that is worth the trouble

// An observer, if any, and a tap.
class TappedObserver final : public Observer {
 public:
  TappedObserver(Observer* observer, RunTap& tap, const std::string& part)
      : observer_(observer), tap_(tap), part_(part) {}

  void on_value(const std::string& path, ConstTensorView value) override {
    if (observer_ != nullptr) observer_->on_value(path, value);
    tap_.on_value(part_, path, value);
  }

 private:
  Observer* observer_;
  RunTap& tap_;
  const std::string& part_;
};

}  // namespace

std::optional<DType> stored_dtype(const WeightStore& store, const std::string& name) {
  const auto spec = store.find(name);
  if (!spec) return std::nullopt;
  if (store.mapped(name).data == nullptr) return DType::F32;  // computed tensors come in f32
  return is_f8(spec->dtype) ? DType::BF16 : spec->dtype;      // kernels read no 8-bit floats; bf16 holds them exactly
}

Network::Network(Runtime& runtime, const WeightStore& store, std::string part)
    : runtime_(runtime), store_(store), part_(std::move(part)) {}

CompileOptions Network::compile_options(PrecisionPolicy policy) const {
  CompileOptions options{.precision = std::move(policy),
                         .part = part_,
                         .threads = runtime_.pool.size(),
                         .fuse = runtime_.fuse,
                         .decompose_all = runtime_.decompose,
                         .name_all = runtime_.run_tap != nullptr && runtime_.run_tap->wants() == RunTap::Values::All};
  options.stored_dtype = [this](const std::string& name) { return newbie::stored_dtype(store_, name); };
  return options;
}

Program Network::compile(const Graph& graph, Bands bands) const {
  CompileOptions options = compile_options(runtime_.precision);
  options.bands = bands;
  const Graph transformed = transform(graph, options);
  Program program(transformed, *runtime_.backend, runtime_.pool.size());
  if (runtime_.run_tap != nullptr) runtime_.run_tap->on_graph(part_, transformed, program, store_);
  return program;
}

void Network::check_intact() const {
  store_.check_intact();
  if (packed_) packed_->check_intact();
}

void Network::use_cache(WeightCache& cache, const Part& part, std::function<std::string()> fingerprint) {
  cache_ = &cache;
  cache_key_ = [this, &part, fingerprint = std::move(fingerprint)] {
    return WeightCacheKey{
        part_, fingerprint(), stamps_of(part), part.config_text,
        fmt::format("{}, {}, {}", runtime_.precision.hash(), runtime_.backend->version(), this_cpu().name)};
  };
}

void Network::renew_cache() {
  if (bank_) return bank_->release_pages();
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
  if (cache_ == nullptr || !bank_) return;
  std::vector<PackedWeight> weights;
  Buffer room;
  size_t room_bytes = 0;
  for (const Program* program : programs)
    for (const WeightUse& use : program->weights()) {
      if (!bank_->needs_work(use) || !given_to_cache_.insert(use.key()).second) continue;
      if (bank_->streams(use)) room_bytes = std::max(room_bytes, bank_->window_bytes(use));
      weights.push_back({use.key(), bank_->prepared_bytes(use), [&] {
                           stop.throw_if_stopped();
                           const std::byte* kept = bank_->find(use);
                           return kept != nullptr ? kept : bank_->prepare_in(use, room.data(), nullptr, runtime_.pool);
                         }});
    }
  if (weights.empty()) return;
  // What never streams lies together, and the rest in the order it is read: what is kept then is a few long ranges.
  std::stable_partition(weights.begin(), weights.end(),  // Clang 14 does not compile that of ranges
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

WeightBank::Plan Network::plan(std::span<const Program* const> programs, const StreamedWeights& streamed) const {
  std::vector<WeightUse> uses;
  for (const Program* program : programs) uses.insert(uses.end(), program->weights().begin(), program->weights().end());
  return bank(streamed).plan(uses);
}

Network::Window Network::window(std::span<const Program* const> programs, const StreamedWeights& streamed) const {
  Window out;
  if (streamed.empty()) return out;
  const WeightBank bank = this->bank(streamed);
  for (const Program* program : programs) {
    const Program::Streaming read = program->streaming(bank);
    out.bytes = std::max(out.bytes, program->window_bytes(bank));
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
  const WeightBank bank = this->bank(streamed);
  const WeightUse* use = nullptr;
  for (const WeightUse& u : program.weights())
    if (bank.streams(u) && (use == nullptr || u.spec.bytes() > use->spec.bytes())) use = &u;
  if (use == nullptr) return 0;
  const Buffer room = runtime_.allocator.allocate(bank.window_bytes(*use), "streamed weights");
  std::memset(room.data(), 0, room.size());  // fresh pages cost more than any later use of the window
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  bank.prepare_in(*use, room.data(), nullptr, runtime_.pool);
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return seconds / static_cast<double>(bank.stored_bytes(*use));
}

WeightBank::Plan Network::plan(const std::vector<WeightUse>& uses) const { return bank(streamed_).plan(uses); }

std::vector<WeightUse> Network::missing(const Program& program) const {
  return bank_ ? bank_->missing(program.weights()) : bank(streamed_).missing(program.weights());
}

void Network::drop(const std::vector<WeightUse>& uses) {
  if (bank_) bank_->drop(uses);
}

void Network::load(const Program& program, StopToken stop) try {
  if (!bank_) bank_ = std::make_unique<WeightBank>(store_, runtime_.allocator, streamed_, packed_.get());
  bank_->prepare(program.weights(), runtime_.pool, stop);
  check_intact();
} catch (...) {
  free();
  throw;
}

void Network::free() {
  if (!bank_) return;
  bank_.reset();
  Allocator::trim();  // the plan counts none of them any more
}

size_t Network::mapped_bytes(const Program& program, int64_t rows) const {
  constexpr size_t kPage = 4096;
  const WeightBank bank = this->bank({});
  size_t total = 0;
  for (const WeightUse& use : program.weights()) {
    if (!use.by_rows || !bank.usable_as_mapped(use)) continue;
    const size_t row = static_cast<size_t>(use.spec.shape[1]) * size_of(use.spec.dtype);
    total += std::min(use.spec.bytes(), static_cast<size_t>(rows) * (row + 2 * kPage));
  }
  return total;
}

void Network::run(const Program& program, const Buffer& arena, const Bindings& bindings, StopToken stop,
                  Observer* observer) const {
  if (arena.size() < program.memory().arena_bytes)
    fail(ErrorKind::Internal, "{}: arena of {} bytes for a program of {}", part_, arena.size(),
         program.memory().arena_bytes);
  const Buffer window = runtime_.allocator.allocate(program.window_bytes(*bank_), "streamed weights");
  ExecutionContext context{.threads = runtime_.pool,
                           .arena = arena.data(),
                           .stop = stop,
                           .value_fault = &runtime_.value_fault,
                           .window = window.data()};
  RunTap* const tap = runtime_.run_tap;
  const RunTap::Values wanted = tap == nullptr ? RunTap::Values::None : tap->wants();
  if (tap != nullptr) tap->on_run(part_, program, bindings);
  if (wanted == RunTap::Values::None) {
    program.run(context, *bank_, bindings, observer);
  } else {
    TappedObserver both(observer, *tap, part_);
    program.run(context, *bank_, bindings, &both);
  }
  if (wanted == RunTap::Values::Named)
    for (const auto& [name, view] : bindings.outputs) tap->on_value(part_, name, view);
  check_intact();
}

}  // namespace newbie
