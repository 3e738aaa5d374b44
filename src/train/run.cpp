#include "train/run.h"

#include <algorithm>
#include <cmath>

#include "compile/devices.h"
#include "core/checked.h"
#include "core/error.h"
#include "core/float_formats.h"
#include "train/adapter_file.h"
#include "train/batch_order.h"
#include "train/checkpoint.h"
#include "train/draw.h"
#include "train/folder_lock.h"
#include "train/loss_network.h"
#include "train/step_log.h"
#include "train/sum_tree.h"

namespace newbie {

namespace {

namespace fs = std::filesystem;

DatasetOptions dataset_options(const TrainOptions& o, const fs::path& folder, int64_t unit) {
  return {.folder = folder, .buckets = o.buckets, .unit = unit, .strict = o.strict};
}

FeatureOptions feature_options(const TrainOptions& o) {
  return {.cache = o.cache.value_or(o.output / "cache"),
          .system_prompt = o.system_prompt,
          .precision = o.encoder_precision,
          .threads = o.threads,
          .empty_caption = o.caption_dropout > 0};
}

bool computes_f16(const PrecisionPolicy& policy) { return policy.dtype == DType::F16; }

int64_t groups_of(const std::vector<BatchIndices>& batches, int64_t accumulate) {
  return ceil_div(static_cast<int64_t>(batches.size()), accumulate);
}

LearnerOptions learner_options(const TrainOptions& o, int64_t steps, const PrecisionPolicy& policy) {
  LearnerOptions out{.lr = o.lr,
                     .schedule = {.kind = o.schedule,
                                  .warmup = o.warmup,
                                  .total = steps,
                                  .cycles = o.cycles,
                                  .last_factor = o.lr > 0 ? 1e-7 / o.lr : 0.0},
                     .optimizer = o.optimizer,
                     .clip = o.clip,
                     .start = o.scaler_start,
                     .scaler = o.scaler_options,
                     .ema = o.ema};
  out.scaled = o.scaler == ScalerChoice::On || (o.scaler == ScalerChoice::Auto && computes_f16(policy));
  return out;
}

int64_t unit_of(const Transformer& transformer, const Vae& vae) {
  return vae.sizes.downscale() * transformer.sizes.patch;
}

// Any small size: which matrices there are does not depend on it.
Graph some_graph(const NextDitConfig& sizes) { return next_dit(sizes, 1, sizes.patch, sizes.patch); }

Parameters first_parameters(const TrainOptions& o, const AdapterPlan& plan, const Transformer& base) {
  return o.adapter.kind == TrainingKind::Full ? whole_network(some_graph(base.sizes), base.weights)
                                              : initial_parameters(plan.modules, base.weights, o.seed);
}

// Sees the values of a run and remembers the first that is not finite.
class FirstBadValue final : public Observer {
 public:
  void on_value(const std::string& path, ConstTensorView value) override {
    if (!name.empty() || value.spec.dtype == DType::I32) return;
    std::vector<float> wide(value.spec.shape.elements());
    convert(value.spec.dtype, value.data, DType::F32, reinterpret_cast<std::byte*>(wide.data()), wide.size());
    if (!std::all_of(wide.begin(), wide.end(), [](float x) { return std::isfinite(x); })) name = path;
  }
  std::string name;
};

// Samples as the network reads them, each a function of the run's seed and its number.
class SampleMaker {
 public:
  SampleMaker(const TrainOptions& o, const Dataset& dataset, const Features& features, int64_t unit)
      : o_(o), dataset_(dataset), features_(features), unit_(unit) {}

  struct Sample {
    Features::Sample features;
    FlowSample flow;
    LossInput input() const {
      return {features.shape, features.caption, features.pooled, flow.noisy, flow.target, flow.time};
    }
  };
  Sample make(size_t example, uint64_t number) const {
    const bool dropped =
        o_.caption_dropout > 0 && Draw(o_.seed, DrawFor::Dropout, number).uniform() < o_.caption_dropout;
    Sample out{.features = features_.read(example, dropped)};
    std::vector<float> noise(out.features.latent.size());
    Draw(o_.seed, DrawFor::Noise, number).normal(noise);
    out.flow = flow_sample(out.features.latent, noise, draw_time(o_.times, o_.seed, number, tokens(example)));
    return out;
  }

 private:
  int64_t tokens(size_t example) const {
    const PictureSize s = dataset_.buckets[dataset_.examples[example].bucket];
    return o_.times.shift_by_bucket ? (s.width / unit_) * (s.height / unit_)
                                    : (o_.buckets.resolution / unit_) * (o_.buckets.resolution / unit_);
  }

  const TrainOptions& o_;
  const Dataset& dataset_;
  const Features& features_;
  int64_t unit_;
};

class TrainingRun {
 public:
  TrainingRun(const TrainOptions& options, Log& log, TrainObserver& observer, StopToken stop)
      : o_(options),
        log_(log),
        observer_(observer),
        stop_(stop),
        lock_(options.output),
        model_(locate_model(options.model)),
        base_(open_transformer(model_.paths.transformer, log, model_.paths.strictness)),
        unit_(unit_of(base_, open_vae(model_.paths.vae, silent_log(), model_.paths.strictness))),
        dataset_(read_dataset(dataset_options(o_, o_.data, unit_), log)),
        hash_(run_hash(o_)),
        log_file_(options.output / "log.jsonl") {
    const auto encode = [&](std::string_view what, size_t done, size_t of) { observer_.on_encode(what, done, of); };
    // Encoders come and go before the denoiser is loaded.
    features_ = std::make_unique<Features>(dataset_, model_, feature_options(o_), log, encode, stop);
    if (o_.validation_data) {
      validation_ = read_dataset(dataset_options(o_, *o_.validation_data, unit_), log);
      validation_features_ = std::make_unique<Features>(*validation_, model_, feature_options(o_), log, encode, stop);
    }
    const Resolution precision = resolve_precision(o_.precision, this_cpu());
    plan_ = plan_adapters(some_graph(base_.sizes), o_.adapter);
    per_epoch_ = groups_of(epoch_batches(dataset_, o_.batch_size, o_.seed, 0), o_.accumulate);
    steps_ = o_.steps > 0 ? o_.steps : o_.epochs * per_epoch_;
    learner_ =
        std::make_unique<Learner>(learner_options(o_, steps_, precision.policy), first_parameters(o_, plan_, base_));
    pool_ = std::make_unique<ThreadPool>(o_.threads);
    backend_ = make_cpu_backend();
    runtime_ = std::make_unique<TrainingRuntime>(TrainingRuntime{*pool_, allocator_, *backend_, precision.policy});
    network_ = std::make_unique<LossNetwork>(*runtime_, base_, learner_->parameters(), plan_.modules,
                                             o_.activation_bytes > 0 ? o_.activation_bytes : LossNetwork::kAnyBytes);
    scaled_ = learner_options(o_, steps_, precision.policy).scaled;
  }

  TrainResult run() {
    resume();
    try {
      while (state_.step < steps_) {
        const std::vector<BatchIndices> batches = epoch_batches(dataset_, o_.batch_size, o_.seed, state_.epoch);
        while (state_.group < groups_of(batches, o_.accumulate) && state_.step < steps_) {
          stop_.throw_if_stopped();
          step(batches);
          const bool last = state_.step == steps_, epoch_ends = state_.group == groups_of(batches, o_.accumulate);
          const bool due = o_.save_every > 0 ? state_.step % o_.save_every == 0 : epoch_ends;
          if (last || due) save();
          if (o_.validate_every > 0 ? state_.step % o_.validate_every == 0 : last || due) validate();
        }
        if (state_.group < groups_of(batches, o_.accumulate)) break;
        ++state_.epoch;
        state_.group = 0;
      }
    } catch (const Error& e) {
      if (e.kind() != ErrorKind::Cancelled) throw;
      save();  // the last step that was whole
      return result(true);
    }
    return result(false);
  }

 private:
  void resume() {
    for (const CheckpointPlace& c : list_checkpoints(o_.output)) {
      try {
        state_ = read_checkpoint(c.path, *learner_, hash_, log_);
        network_->parameters_changed();
        observer_.on_resume(c.path, state_.step);
        break;
      } catch (const Error& e) {
        if (e.kind() != ErrorKind::BadFile) throw;
        log_.warn("{} is passed over: {}", c.path.string(), e.message());
      }
    }
    log_file_.keep_until(state_.step);
  }

  void step(const std::vector<BatchIndices>& batches) {
    const auto start = std::chrono::steady_clock::now();
    std::vector<size_t> examples;
    const auto first = static_cast<size_t>(state_.group * o_.accumulate);
    for (size_t b = first; b < std::min(batches.size(), first + static_cast<size_t>(o_.accumulate)); ++b)
      for (const size_t example : batches[b])
        if (features_->known(example)) examples.push_back(example);

    const SampleMaker maker(o_, dataset_, *features_, unit_);
    const float loss_gradient = learner_->loss_gradient(static_cast<int64_t>(examples.size()));
    SumTree sums;
    std::vector<double> losses;
    for (size_t i = 0; i < examples.size(); ++i) {
      const SampleMaker::Sample sample = maker.make(examples[i], state_.samples + i);
      Tensors32 gradients;
      losses.push_back(network_->run(sample.input(), loss_gradient, gradients, stop_));
      sums.add(std::move(gradients));
    }
    StepRow row{.step = state_.step + 1,
                .steps = steps_,
                .epoch = state_.epoch,
                .samples = static_cast<int64_t>(examples.size())};
    if (!examples.empty()) {
      row.loss = tree_sum(losses) / static_cast<double>(losses.size());
      row.outcome = learner_->step(sums.take());
      network_->parameters_changed();
      if (row.outcome.taken) {
        state_.bad_in_a_row = 0;
        state_.smoothed_loss = state_.smoothed_loss == 0 ? row.loss : 0.95 * state_.smoothed_loss + 0.05 * row.loss;
      } else {
        ++state_.skipped;
        if (++state_.bad_in_a_row >= o_.most_bad_steps) give_up(maker, examples, row.outcome);
      }
    }
    row.smoothed_loss = state_.smoothed_loss;
    state_.samples += examples.size();
    ++state_.step;
    ++state_.group;
    row.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    log_file_.add(row, dataset_, examples);
    observer_.on_step(row);
  }

  // Runs the step's samples again, looking for where numbers went.
  [[noreturn]] void give_up(const SampleMaker& maker, const std::vector<size_t>& examples, const StepOutcome& outcome) {
    FirstBadValue bad;
    std::string example;
    network_->observe(&bad);
    for (size_t i = 0; i < examples.size() && bad.name.empty(); ++i) {
      Tensors32 gradients;
      network_->run(maker.make(examples[i], state_.samples + i).input(), outcome.scale, gradients, stop_);
      example = dataset_.examples[examples[i]].name;
    }
    network_->observe(nullptr);
    throw Error(
        ErrorKind::Internal,
        fmt::format("{} steps in a row had gradients that are not finite (of {}); the first such value is {}, "
                    "of {}",
                    o_.most_bad_steps, outcome.bad_name, bad.name.empty() ? "not to be seen" : bad.name, example),
        scaled_ ? "The scale fell with each of them and did not help: the loss itself leaves f16. Train in bf16 "
                  "(mixed_precision = \"bf16\")."
                : "A lower learning rate, or a precision with more range. The last checkpoint stands.");
  }

  void save() {
    const fs::path place = write_checkpoint(o_.output, *learner_, state_, hash_, [&](const fs::path& folder) {
      write_trained(folder, o_.name, o_.adapter.kind, plan_.modules, exported(), base_, o_.saved_dtype);
    });
    remove_old_checkpoints(o_.output, static_cast<size_t>(o_.keep));
    observer_.on_checkpoint(place);
  }

  // What is drawn with: the mean of the weights where there is one.
  Parameters exported() const {
    std::vector<Parameter> out(learner_->parameters().all().begin(), learner_->parameters().all().end());
    for (size_t i = 0; i < learner_->mean().size(); ++i) out[i].values = learner_->mean()[i];
    return Parameters(std::move(out));
  }

  // Case 46: noise and times belong to the picture, so that the same weights have the same loss.
  void validate() {
    if (!validation_) return;
    constexpr uint64_t kTimesEach = 2;
    TrainOptions fixed = o_;
    fixed.caption_dropout = 0;
    fixed.seed = 20251130;
    const SampleMaker maker(fixed, *validation_, *validation_features_, unit_);
    std::vector<double> losses;
    for (size_t i = 0; i < validation_->examples.size(); ++i) {
      if (!validation_features_->known(i)) continue;
      for (uint64_t k = 0; k < kTimesEach; ++k)
        losses.push_back(network_->loss(maker.make(i, kTimesEach * i + k).input(), stop_));
    }
    if (losses.empty()) return;
    const double loss = tree_sum(losses) / static_cast<double>(losses.size());
    log_file_.add_validation(state_.step, loss);
    observer_.on_validation(state_.step, loss);
  }

  TrainResult result(bool stopped) {
    const fs::path adapter =
        write_trained(o_.output, o_.name, o_.adapter.kind, plan_.modules, exported(), base_, o_.saved_dtype);
    return {state_.step, state_.skipped, stopped, state_.smoothed_loss, adapter};
  }

  const TrainOptions& o_;
  Log& log_;
  TrainObserver& observer_;
  StopToken stop_;
  FolderLock lock_;
  LocatedModel model_;
  Transformer base_;
  int64_t unit_;
  Dataset dataset_;
  std::string hash_;
  StepLog log_file_;
  std::optional<Dataset> validation_;
  std::unique_ptr<Features> features_, validation_features_;
  AdapterPlan plan_;
  int64_t per_epoch_ = 0, steps_ = 0;
  bool scaled_ = false;
  RunState state_;
  Allocator allocator_;
  std::unique_ptr<ThreadPool> pool_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<TrainingRuntime> runtime_;
  std::unique_ptr<Learner> learner_;
  std::unique_ptr<LossNetwork> network_;  // reads the learner's parameters
};

}  // namespace

TrainPlan plan_training(const TrainOptions& o, Log& log) {
  check_options(o);
  const LocatedModel model = locate_model(o.model);
  const Transformer base = open_transformer(model.paths.transformer, log, model.paths.strictness);
  const int64_t unit = unit_of(base, open_vae(model.paths.vae, silent_log(), model.paths.strictness));
  TrainPlan out{.dataset = read_dataset(dataset_options(o, o.data, unit), log)};
  CaptionTokens tokens = count_caption_tokens(out.dataset, model, feature_options(o));
  out.tokens = std::move(tokens.gemma);
  out.lost = std::move(tokens.lost);
  out.adapter = plan_adapters(some_graph(base.sizes), o.adapter);
  const Resolution precision = resolve_precision(o.precision, this_cpu());
  out.reasons = precision.reasons;
  out.steps_per_epoch = groups_of(epoch_batches(out.dataset, o.batch_size, o.seed, 0), o.accumulate);
  out.steps = o.steps > 0 ? o.steps : o.epochs * out.steps_per_epoch;

  const Learner learner(learner_options(o, out.steps, precision.policy), first_parameters(o, out.adapter, base));
  out.parameters = learner.parameters().elements();
  // Parameters, their mean, moments; gradients of a sample and of the levels of the tree.
  const int64_t samples = o.batch_size * o.accumulate;
  const auto levels = static_cast<size_t>(std::ceil(std::log2(static_cast<double>(samples)))) + 2;
  out.state_bytes = out.parameters * sizeof(float) * (1 + levels + (o.ema ? 1 : 0));
  for (const Optimizer::State& s : learner.optimizer().states()) out.state_bytes += s.bytes.size();

  ThreadPool pool(o.threads);
  Allocator allocator;
  const auto backend = make_cpu_backend();
  TrainingRuntime runtime{pool, allocator, *backend, precision.policy};
  LossNetwork network(runtime, base, learner.parameters(), out.adapter.modules,
                      o.activation_bytes > 0 ? o.activation_bytes : LossNetwork::kAnyBytes);
  std::map<SampleShape, int64_t> shapes;
  const int64_t downscale = unit / base.sizes.patch;
  for (size_t i = 0; i < out.dataset.examples.size(); ++i) {
    const PictureSize s = out.dataset.buckets[out.dataset.examples[i].bucket];
    shapes[{static_cast<int64_t>(out.tokens[i]), s.height / downscale, s.width / downscale}] +=
        out.dataset.examples[i].repeats;
  }
  const auto largest = std::max_element(shapes.begin(), shapes.end(), [](const auto& a, const auto& b) {
    const auto rows = [](const SampleShape& s) { return s.caption_tokens + s.height * s.width / 4; };
    return rows(a.first) < rows(b.first);
  });
  const LossNetwork::Memory memory = network.plan(largest->first);
  out.arena_bytes = memory.arena_bytes;
  out.weight_bytes = memory.weights.kept.all();
  out.flop_per_epoch = memory.flop * static_cast<double>(out.dataset.samples());  // at most: the largest for all
  return out;
}

TrainResult run_training(const TrainOptions& options, Log& log, TrainObserver& observer, StopToken stop) {
  check_options(options);
  TrainingRun run(options, log, observer, stop);
  return run.run();
}

}  // namespace newbie
