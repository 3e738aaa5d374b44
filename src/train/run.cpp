#include "train/run.h"

#include <algorithm>
#include <cmath>

#include "compile/devices.h"
#include "core/checked.h"
#include "core/error.h"
#include "core/float_formats.h"
#include "core/machine.h"
#include "train/adapter_file.h"
#include "train/batch_order.h"
#include "train/checkpoint.h"
#include "train/draw.h"
#include "train/folder_lock.h"
#include "train/loss_network.h"
#include "train/rank_sums.h"
#include "train/step_log.h"
#include "train/sum_tree.h"
#include "weights/fingerprint.h"

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
          .empty_caption = o.caption_dropout > 0,
          .tags = o.tags,
          .seed = o.seed,
          .official_caches = o.official_caches};
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

// Parameters, their mean, moments; gradients of a sample and of the levels of the tree.
size_t state_bytes(const TrainOptions& o, const Learner& learner) {
  const int64_t samples = o.batch_size * o.accumulate;
  const auto levels = static_cast<size_t>(std::ceil(std::log2(static_cast<double>(samples)))) + 2;
  size_t out = learner.parameters().elements() * sizeof(float) * (1 + levels + (o.ema ? 1 : 0));
  for (const Optimizer::State& s : learner.optimizer().states()) out += s.bytes.size();
  return out;
}

// Of the sample that needs most memory.
SampleShape largest_shape(const Dataset& dataset, const std::vector<size_t>& tokens, int64_t downscale) {
  SampleShape out;
  for (size_t i = 0; i < dataset.examples.size(); ++i) {
    const PictureSize s = dataset.buckets[dataset.examples[i].bucket];
    const SampleShape shape{static_cast<int64_t>(tokens[i]), s.height / downscale, s.width / downscale};
    const auto rows = [](const SampleShape& one) { return one.caption_tokens + one.height * one.width / 4; };
    if (rows(shape) > rows(out)) out = shape;
  }
  return out;
}

// How the network is run so that all of a run is within its budget: pieces are computed again first, which costs less
// than weights that are read or prepared again.
LossNetwork::Limits fit(const TrainOptions& o, TrainingRuntime& runtime, const Transformer& base,
                        const Learner& learner, const std::vector<AdaptedModule>& modules, const SampleShape& shape) {
  LossNetwork::Limits out;
  out.recompute = o.recompute;
  if (o.activation_bytes > 0) out.arena_bytes = o.activation_bytes;
  if (o.memory_bytes == 0) return out;
  const size_t states = state_bytes(o, learner);
  LossNetwork network(runtime, base, learner.parameters(), modules, {.arena_bytes = 1});  // as tight as it gets
  size_t least = 0;
  for (const auto base_is : {LossNetwork::Base::Kept, LossNetwork::Base::WayThere, LossNetwork::Base::Nowhere}) {
    out.base = base_is;
    const LossNetwork::Memory tight = network.plan(shape, base_is);
    const size_t beside = states + tight.weight_bytes();
    least = beside + tight.arena_bytes;
    if (least > o.memory_bytes) continue;
    out.arena_bytes = std::min(out.arena_bytes, o.memory_bytes - beside);
    return out;
  }
  throw Error(ErrorKind::OverBudget,
              fmt::format("training takes {} MiB, and memory allows {}", ceil_div(least, size_t{1} << 20),
                          o.memory_bytes >> 20),
              "Smaller pictures, a lower rank or an 8-bit optimizer take less.");
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
    uint64_t dropout_key = 0;
    LossInput input() const {
      return {features.shape, features.caption, features.pooled, flow.noisy, flow.target, flow.time, dropout_key};
    }
  };
  Sample make(size_t example, uint64_t number) const {
    const bool dropped =
        o_.caption_dropout > 0 && Draw(o_.seed, DrawFor::Dropout, number).uniform() < o_.caption_dropout;
    const uint64_t order = features_.orders() == 1 ? 0 : Draw(o_.seed, DrawFor::Tags, number).below(features_.orders());
    Sample out{.features = features_.read(example, order, dropped)};
    std::vector<float> noise(out.features.latent.size());
    Draw(o_.seed, DrawFor::Noise, number).normal(noise);
    out.dropout_key = Draw(o_.seed, DrawFor::AdapterDropout, number).bits();
    out.flow = flow_sample(out.features.latent, noise, time(example, number));
    return out;
  }
  double time(size_t example, uint64_t number) const { return draw_time(o_.times, o_.seed, number, tokens(example)); }

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
  TrainingRun(const TrainOptions& options, Log& log, TrainObserver& observer, StopToken stop, Ranks& ranks)
      : o_(options),
        log_(log),
        observer_(observer),
        ranks_(ranks),
        asked_(stop),
        stop_(ranks.size() == 1 ? stop : StopToken()),
        lock_(ranks.first() ? std::make_unique<FolderLock>(options.output) : nullptr),
        model_(locate_model(options.model)),
        base_(open_transformer(model_.paths.transformer, log, model_.paths.strictness)),
        unit_(unit_of(base_, open_vae(model_.paths.vae, silent_log(), model_.paths.strictness))),
        dataset_(read_dataset(dataset_options(o_, o_.data, unit_), log)),
        identity_{settings_hash(o_), data_hash(dataset_), fingerprint(base_.files.files)},
        log_file_(ranks.first() ? std::make_unique<StepLog>(options.output) : nullptr) {
    const auto encode = [&](std::string_view what, size_t done, size_t of) { observer_.on_encode(what, done, of); };
    // Encoders come and go before the denoiser is loaded. One rank encodes for all.
    if (!ranks_.first()) ranks_.barrier();
    features_ = std::make_unique<Features>(dataset_, model_, feature_options(o_), log, encode, stop);
    if (o_.validation_data) {
      validation_ = read_dataset(dataset_options(o_, *o_.validation_data, unit_), log);
      FeatureOptions as_written = feature_options(o_);
      as_written.tags = {};
      validation_features_ = std::make_unique<Features>(*validation_, model_, as_written, log, encode, stop);
    }
    if (ranks_.first()) ranks_.barrier();
    const Resolution precision = resolve_precision(o_.precision, this_cpu());
    plan_ = plan_adapters(some_graph(base_.sizes), o_.adapter);
    per_epoch_ = groups_of(epoch_batches(dataset_, o_.batch_size, o_.seed, 0), o_.accumulate);
    steps_ = o_.steps > 0 ? o_.steps : o_.epochs * per_epoch_;
    learner_ =
        std::make_unique<Learner>(learner_options(o_, steps_, precision.policy), first_parameters(o_, plan_, base_));
    pool_ = std::make_unique<ThreadPool>(o_.threads);
    backend_ = make_cpu_backend();
    runtime_ = std::make_unique<TrainingRuntime>(TrainingRuntime{*pool_, allocator_, *backend_, precision.policy});
    std::vector<size_t> tokens;
    for (size_t i = 0; i < dataset_.examples.size(); ++i) tokens.push_back(features_->tokens(i));
    const LossNetwork::Limits limits =
        fit(o_, *runtime_, base_, *learner_, plan_.modules, largest_shape(dataset_, tokens, unit_ / base_.sizes.patch));
    network_ = std::make_unique<LossNetwork>(*runtime_, base_, learner_->parameters(), plan_.modules, limits);
    scaled_ = learner_options(o_, steps_, precision.policy).scaled;
  }

  TrainResult run() {
    resume();
    for (const Parameter& p : learner_->parameters().all()) elements_.push_back(p.values.size());
    try {
      if (state_.step == 0 && ranks_.first()) {
        if (o_.save_start) save();
        draw({});
      }
      while (state_.step < steps_ || !state_.looked_at) {
        const std::vector<BatchIndices> batches = epoch_batches(dataset_, o_.batch_size, o_.seed, state_.epoch);
        const int64_t groups = groups_of(batches, o_.accumulate);
        if (!state_.looked_at) look_at_step(groups);
        while (state_.group < groups && state_.step < steps_) {
          stop_.throw_if_stopped();
          if (stop_agreed_) fail(ErrorKind::Cancelled, "stopped by request");
          step(batches);
          look_at_step(groups);
        }
        if (state_.group < groups) break;
        ++state_.epoch;
        state_.group = 0;
      }
    } catch (const Error& e) {
      if (e.kind() != ErrorKind::Cancelled) throw;
      if (saved_step_ != state_.step && ranks_.first()) save();  // the last step that was whole
      return result(true);
    }
    return result(false);
  }

 private:
  // The first rank chooses a checkpoint, and the others read it.
  void resume() {
    int64_t chosen = -1;
    if (ranks_.first())
      for (const CheckpointPlace& c : list_checkpoints(o_.output)) {
        try {
          go_on_from(c.path);
          chosen = c.step;
          break;
        } catch (const Error& e) {
          if (e.kind() != ErrorKind::BadFile) throw;
          log_.warn("{} is passed over: {}", c.path.string(), e.message());
        }
      }
    ranks_.broadcast(std::as_writable_bytes(std::span(&chosen, 1)));
    if (!ranks_.first() && chosen >= 0) go_on_from(checkpoint_path(o_.output, chosen));
    if (log_file_) log_file_->begin(state_.step);
  }

  void go_on_from(const fs::path& checkpoint) {
    const SavedRun saved = read_checkpoint(checkpoint, *learner_, identity_);
    state_ = saved.state;
    if (!saved.changed.empty()) {
      const std::string changed = fmt::format("{}", fmt::join(saved.changed, ", "));
      if (state_.step >= steps_)
        fail_with_hint(ErrorKind::InvalidRequest,
                       "Another output_dir for another run; a larger max_steps or num_epochs to go on from it.",
                       "{} is of a run with other {}, and {} steps are behind it already: nothing would be trained",
                       checkpoint.string(), changed, state_.step);
      log_.warn("{} is of a run with other {}: from here on the new ones hold", checkpoint.string(), changed);
    }
    network_->parameters_changed();
    saved_step_ = state_.step;
    observer_.on_resume(checkpoint, state_.step);
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
    StepRow row{.step = state_.step + 1, .steps = steps_, .epoch = state_.epoch};
    SampleSums sums =
        sum_samples(ranks_, examples.size(), elements_, asked_.stop_requested(), [&](size_t i, Tensors32& gradients) {
          const SampleMaker::Sample sample = maker.make(examples[i], state_.samples + i);
          return network_->run(sample.input(), loss_gradient, gradients, stop_);
        });
    stop_agreed_ = ranks_.size() > 1 && sums.stop;
    for (size_t i = 0; i < examples.size(); ++i) row.times.push_back(maker.time(examples[i], state_.samples + i));
    row.losses = std::move(sums.losses);
    if (!examples.empty()) {
      row.loss = tree_sum(row.losses) / static_cast<double>(row.losses.size());
      row.outcome = learner_->step(std::move(sums.gradients));
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
    state_.looked_at = false;
    row.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    row.resident_bytes = resident_bytes();
    if (log_file_) log_file_->add(row, dataset_, examples);
    observer_.on_step(row);
  }

  // Validates, saves and draws where it is time to.
  void look_at_step(int64_t groups) {
    const bool last = state_.step == steps_, epoch_ends = state_.group == groups;
    const bool due = last || (o_.save_every > 0 ? state_.step % o_.save_every == 0 : epoch_ends);
    const bool drawn = samples_are_due(due), saved = due || drawn;
    const bool validated = o_.validate_every > 0 ? state_.step % o_.validate_every == 0 || last : due;
    if (ranks_.first() && validated) validate(saved);
    state_.looked_at = true;
    if (!ranks_.first()) return;  // and waits in the next step
    if (saved) save();
    if (drawn) draw(trained_file(checkpoint_, o_.name, o_.adapter.kind));
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
    checkpoint_ = write_checkpoint(o_.output, *learner_, state_, identity_, [&](const fs::path& folder) {
      write_trained(folder, o_.name, o_.adapter.kind, plan_.modules, exported(), base_, o_.saved_dtype);
    });
    saved_step_ = state_.step;
    remove_old_checkpoints(o_.output, state_.step, static_cast<size_t>(o_.keep),
                           {checkpoint_path(o_.output, state_.best_step)});
    observer_.on_checkpoint(checkpoint_);
  }

  bool samples_are_due(bool checkpoint_is) const {
    if (o_.samples.requests.empty()) return false;
    return o_.samples.every > 0 ? state_.step % o_.samples.every == 0 || state_.step == steps_ : checkpoint_is;
  }

  // Case 45: the checkpoint is safe by then.
  void draw(const fs::path& trained) {
    if (o_.samples.requests.empty()) return;
    for (const fs::path& path :
         draw_samples(o_.samples, o_.model, o_.adapter.kind, trained, o_.output, state_.step, log_, stop_))
      observer_.on_sample(path);
  }

  // What is drawn with: the mean of the weights where there is one.
  Parameters exported() const {
    std::vector<Parameter> out(learner_->parameters().all().begin(), learner_->parameters().all().end());
    for (size_t i = 0; i < learner_->mean().size(); ++i) out[i].values = learner_->mean()[i];
    return Parameters(std::move(out));
  }

  // Case 46: noise and times belong to the picture, so that the same weights have the same loss. The best checkpoint is
  // kept; it is `saved` with what is found here.
  void validate(bool saved) {
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
    if (saved && std::isfinite(loss) && (state_.best_step == 0 || loss < state_.best_validation)) {
      state_.best_validation = loss;
      state_.best_step = state_.step;
    }
    log_file_->add_validation(state_.step, loss);
    observer_.on_validation(state_.step, loss);
  }

  TrainResult result(bool stopped) {
    const fs::path adapter = ranks_.first() ? write_trained(o_.output, o_.name, o_.adapter.kind, plan_.modules,
                                                            exported(), base_, o_.saved_dtype)
                                            : trained_file(o_.output, o_.name, o_.adapter.kind);
    return {.steps = state_.step,
            .skipped = state_.skipped,
            .stopped = stopped,
            .smoothed_loss = state_.smoothed_loss,
            .adapter = adapter,
            .best_step = state_.best_step,
            .best_validation = state_.best_validation};
  }

  const TrainOptions& o_;
  Log& log_;
  TrainObserver& observer_;
  Ranks& ranks_;
  StopToken asked_;  // by this process' user
  StopToken stop_;   // at once; ranks stop together, after a step
  bool stop_agreed_ = false;
  std::unique_ptr<FolderLock> lock_;  // of the first rank, as are the files
  LocatedModel model_;
  Transformer base_;
  int64_t unit_;
  Dataset dataset_;
  RunIdentity identity_;
  std::unique_ptr<StepLog> log_file_;
  std::optional<Dataset> validation_;
  std::unique_ptr<Features> features_, validation_features_;
  AdapterPlan plan_;
  std::vector<size_t> elements_;  // of each parameter
  int64_t per_epoch_ = 0, steps_ = 0;
  bool scaled_ = false;
  RunState state_;
  fs::path checkpoint_;      // the last that this process wrote
  int64_t saved_step_ = -1;  // its step, or that of the one it went on from
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
  CaptionTokens tokens = count_caption_tokens(out.dataset, model, feature_options(o), log);
  out.tokens = std::move(tokens.gemma);
  out.lost = std::move(tokens.lost);
  out.adapter = plan_adapters(some_graph(base.sizes), o.adapter);
  const Resolution precision = resolve_precision(o.precision, this_cpu());
  out.reasons = precision.reasons;
  out.dtype = precision.policy.dtype;
  out.steps_per_epoch = groups_of(epoch_batches(out.dataset, o.batch_size, o.seed, 0), o.accumulate);
  out.steps = o.steps > 0 ? o.steps : o.epochs * out.steps_per_epoch;

  const Learner learner(learner_options(o, out.steps, precision.policy), first_parameters(o, out.adapter, base));
  out.parameters = learner.parameters().elements();
  out.state_bytes = state_bytes(o, learner);

  ThreadPool pool(o.threads);
  Allocator allocator;
  const auto backend = make_cpu_backend();
  TrainingRuntime runtime{pool, allocator, *backend, precision.policy};
  const SampleShape shape = largest_shape(out.dataset, out.tokens, unit / base.sizes.patch);
  const LossNetwork::Limits limits = fit(o, runtime, base, learner, out.adapter.modules, shape);
  LossNetwork network(runtime, base, learner.parameters(), out.adapter.modules, limits);
  const LossNetwork::Memory memory = network.plan(shape);
  out.arena_bytes = memory.arena_bytes;
  out.weight_bytes = memory.weight_bytes();
  out.base = limits.base;
  out.flop_per_epoch = memory.flop * static_cast<double>(out.dataset.samples());
  return out;
}

TrainResult run_training(const TrainOptions& options, Log& log, TrainObserver& observer, StopToken stop, Ranks* ranks) {
  check_options(options);
  Ranks alone;
  TrainingRun run(options, log, observer, stop, ranks != nullptr ? *ranks : alone);
  return run.run();
}

}  // namespace newbie
