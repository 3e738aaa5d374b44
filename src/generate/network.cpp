#include "generate/network.h"

#include <algorithm>

namespace newbie {

namespace {

// Two that see what one would.
class TracedObserver final : public Observer {
 public:
  TracedObserver(Tracer& tracer, Observer* other) : tracer_(tracer), other_(other) {}
  void on_value(const std::string& path, ConstTensorView value) override {
    tracer_.on_value(path, value);
    if (other_ != nullptr) other_->on_value(path, value);
  }

 private:
  Tracer& tracer_;
  Observer* other_;
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
                         .name_all = runtime_.tracer != nullptr};
  options.stored_dtype = [this](const std::string& name) { return newbie::stored_dtype(store_, name); };
  return options;
}

Program Network::compile(const Graph& graph) const {
  const Graph transformed = transform(graph, compile_options(runtime_.precision));
  Program program(transformed, *runtime_.backend, runtime_.pool.size());
  if (runtime_.tracer != nullptr) runtime_.tracer->on_graph(part_, transformed, program, store_);
  return program;
}

WeightBank::Plan Network::plan(std::span<const Program* const> programs) const {
  std::vector<WeightUse> uses;
  for (const Program* program : programs) uses.insert(uses.end(), program->weights().begin(), program->weights().end());
  return plan(uses);
}

WeightBank::Plan Network::plan(const std::vector<WeightUse>& uses) const {
  return WeightBank(store_, runtime_.allocator).plan(uses);
}

std::vector<WeightUse> Network::missing(const Program& program) const {
  return bank_ ? bank_->missing(program.weights()) : program.weights();
}

void Network::drop(const std::vector<WeightUse>& uses) {
  if (bank_) bank_->drop(uses);
}

void Network::load(const Program& program, StopToken stop) try {
  if (!bank_) bank_ = std::make_unique<WeightBank>(store_, runtime_.allocator);
  bank_->prepare(program.weights(), runtime_.pool, stop);
  store_.check_intact();
} catch (...) {
  free();
  throw;
}

void Network::free() { bank_.reset(); }

size_t Network::mapped_bytes(const Program& program, int64_t rows) const {
  constexpr size_t kPage = 4096;
  size_t total = 0;
  for (const WeightUse& use : program.weights()) {
    if (use.spec.shape.rank() != 2 || !use.layout.key.empty() || store_.mapped(use.name).data == nullptr) continue;
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
  ExecutionContext context{
      .threads = runtime_.pool, .arena = arena.data(), .stop = stop, .value_fault = &runtime_.value_fault};
  if (runtime_.tracer == nullptr) {
    program.run(context, *bank_, bindings, observer);
  } else {
    runtime_.tracer->on_run(program, bindings);
    TracedObserver both(*runtime_.tracer, observer);
    program.run(context, *bank_, bindings, &both);
  }
  store_.check_intact();
}

}  // namespace newbie
