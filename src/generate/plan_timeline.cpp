#include "generate/plan_timeline.h"

#include <algorithm>
#include <map>

#include "core/machine.h"
#include "generate/init_picture.h"
#include "generate/job_programs.h"
#include "generate/make_timeline.h"
#include "generate/quality.h"
#include "generate/wide_weights.h"

namespace newbie {

namespace {

// While weights are loaded: what is allocated, and the pages of files on top of that.
struct Loading {
  size_t peak_bytes = 0, file_bytes = 0;

  void join(const Loading& other) {
    const size_t resident = std::max(peak_bytes + file_bytes, other.peak_bytes + other.file_bytes);
    peak_bytes = std::max(peak_bytes, other.peak_bytes);
    file_bytes = resident - peak_bytes;
  }
};

size_t resident_running_bytes(const StagePlan& s) { return s.page_bytes + s.running_bytes() + s.running_file_bytes; }

// The larger of the moments while programs run, and of those while weights are loaded.
void join(StagePlan& into, const StagePlan& other) {
  Loading loading{into.loading_peak_bytes, into.loading_file_bytes};
  loading.join({other.loading_peak_bytes, other.loading_file_bytes});
  StagePlan::OnDevice device = other.device.running_bytes() > into.device.running_bytes() ? other.device : into.device;
  device.loading_peak_bytes = std::max(into.device.loading_peak_bytes, other.device.loading_peak_bytes);
  if (resident_running_bytes(other) > resident_running_bytes(into)) into = other;
  into.device = device;
  into.loading_peak_bytes = loading.peak_bytes;
  into.loading_file_bytes = loading.file_bytes;
}

// Reads a timeline and adds up what it holds.
class AddUp {
 public:
  AddUp(const JobContext& job, const Timeline& timeline, const Networks& networks, const RunVariant& variant,
        const KeptWeights& kept, Retries retries)
      : job_(job),
        timeline_(timeline),
        networks_(networks),
        variant_(variant),
        on_device_(job.engine.runtime.device != nullptr),
        plans_retries_(retries == Retries::Planned) {
    for (const NetworkRow& row : kNetworks)
      weights_.emplace_back(networks[row.network], variant.streamed[row.network],
                            variant.fresh ? nullptr : kept.weights[row.network].get());
  }

  void enter(const Timeline::Entry& entry) {
    entry_ = &entry;
    row_ = StagePlan{.stage = entry.stage->kind};
    has_row_ = false;
  }
  void do_act(const Take& take) {
    const BufferSpec& spec = timeline_.buffers[take.buffer.index];
    (spec.arena ? arena_bytes_ : buffer_bytes_) += spec.bytes;
    has_row_ = true;
  }
  void do_act(const Give& give) {
    const BufferSpec& spec = timeline_.buffers[give.buffer.index];
    (spec.arena ? arena_bytes_ : buffer_bytes_) -= spec.bytes;
  }
  void do_act(const Load& load) {
    const WeightBank::Kept before = kept();
    const WeightBank::Plan more = of(load.network).load(plain(load.programs));
    if (on_device_) return load_on_device(before, more);
    const size_t there = before.bytes + arena_bytes_ + buffer_bytes_;
    if (more.peak_bytes == 0) return;
    Loading loading{row_.loading_peak_bytes, row_.loading_file_bytes};
    loading.join({there + more.peak_bytes, more.resident_peak_bytes - more.peak_bytes});
    row_.loading_peak_bytes = loading.peak_bytes;
    row_.loading_file_bytes = loading.file_bytes;
    has_row_ = true;
  }
  void do_act(const Free& free) { of(free.network).free(); }
  void do_act(const Perform& work) {
    const Network::Window window = window_of(work);
    const WeightBank::Kept kept = this->kept();
    row_.weights_bytes = on_device_ ? kept.host_bytes : kept.bytes;
    row_.page_bytes = kept.page_bytes;
    row_.window_bytes = on_device_ ? window.staging_bytes : window.bytes;
    row_.running_file_bytes = window.mapped_bytes;
    row_.arena_bytes = on_device_ ? 0 : arena_bytes_;
    row_.buffer_bytes = buffer_bytes_;
    if (on_device_) {
      row_.device.weights_bytes = kept.bytes;
      row_.device.window_bytes = window.bytes;
      row_.device.arena_bytes = arena_bytes_;
    }
    for (const CachedProgram* p : work.programs)
      row_.scratch_bytes = std::max(row_.scratch_bytes, p->program.memory().scratch_bytes);
    if (plans_retries_ && !work.programs.empty()) plan_retry(work);
  }
  void leave(const Timeline::Entry& /*entry*/) {
    if (!has_row_) return;
    add(stages_, row_);
  }

  const std::vector<StagePlan>& stages() const { return stages_; }
  const std::vector<StagePlan>& retries() const { return retries_; }

 private:
  void load_on_device(const WeightBank::Kept& before, const WeightBank::Plan& more) {
    if (more.peak_bytes != 0)
      row_.device.loading_peak_bytes =
          std::max(row_.device.loading_peak_bytes, before.bytes + arena_bytes_ + more.peak_bytes);
    if (more.host_peak_bytes != 0)
      row_.loading_peak_bytes =
          std::max(row_.loading_peak_bytes, before.host_bytes + buffer_bytes_ + more.host_peak_bytes);
    has_row_ = has_row_ || more.peak_bytes != 0 || more.host_peak_bytes != 0;
  }

  static void add(std::vector<StagePlan>& to, const StagePlan& row) {
    const auto known = std::ranges::find(to, row.stage, &StagePlan::stage);
    if (known == to.end())
      to.push_back(row);
    else
      join(*known, row);
  }

  // The guard looks at one of the networks that a stage runs; in the worst case all of it is repeated in f32.
  void plan_retry(const Perform& work) {
    const auto [before, is_new] = retried_.emplace(entry_->stage.get(), row_);
    if (!is_new && before->second == row_) return;  // of another picture
    before->second = row_;
    const NetworkKind guarded = network_of(row_.stage);
    std::vector<const Program*> wide;
    for (const CachedProgram* p : work.programs) {
      if (p->network() != guarded || !job_.engine.can_widen(p->key)) continue;
      ProgramKey key = p->key;
      key.wide = true;
      wide.push_back(&job_.programs.get(key).program);
    }
    if (!wide.empty()) add(retries_, least_wide_stage(networks_[guarded], wide, row_).plan);
  }

  WeightForecast& of(NetworkKind network) { return weights_[static_cast<size_t>(network)]; }
  WeightBank::Kept kept() const {
    WeightBank::Kept out;
    for (const WeightForecast& w : weights_) out = out + w.kept();
    return out;
  }

  // The programs of a work run one after the other. The same for every picture.
  Network::Window window_of(const Perform& work) {
    const auto known = windows_.find(entry_->stage.get());
    if (known != windows_.end()) return known->second;
    PerNetwork<std::vector<const Program*>> programs;
    for (const CachedProgram* p : work.programs) programs[p->network()].push_back(&p->program);
    Network::Window out;
    for (const NetworkRow& row : kNetworks) {
      const Network::Window one = networks_[row.network].window(programs[row.network], variant_.streamed[row.network]);
      out.bytes = std::max(out.bytes, one.bytes);
      out.staging_bytes = std::max(out.staging_bytes, one.staging_bytes);
      out.mapped_bytes = std::max(out.mapped_bytes, one.mapped_bytes);
    }
    windows_.emplace(entry_->stage.get(), out);
    return out;
  }

  const JobContext& job_;
  const Timeline& timeline_;
  const Networks& networks_;
  const RunVariant& variant_;
  std::vector<WeightForecast> weights_;
  std::map<const Stage*, Network::Window> windows_;
  const Timeline::Entry* entry_ = nullptr;
  StagePlan row_;
  bool has_row_ = false;
  size_t arena_bytes_ = 0, buffer_bytes_ = 0;
  const bool on_device_;
  const bool plans_retries_;
  std::map<const Stage*, StagePlan> retried_;  // as it was planned
  std::vector<StagePlan> stages_, retries_;
};

// Rows of tables in mapped files that encoding the prompts touches.
size_t mapped_bytes(const JobContext& job, const Networks& networks) {
  size_t out = 0;
  for (const TokenizedPrompt& t : job.prepared.prompts)
    if (!t.cached_features)
      out += networks[NetworkKind::Gemma].mapped_bytes(gemma_program(job, t).program, t.caption_tokens());
  return out;
}

// How often a network runs in the whole request, at most.
int64_t runs_of(const JobContext& job, NetworkKind network) {
  const PreparedRequest& p = job.prepared;
  const auto prompts = static_cast<int64_t>(p.prompts.size());
  const int64_t batch = p.request.batch;
  switch (network) {
    case NetworkKind::Gemma: return static_cast<int64_t>(gemma_programs(job).size());
    case NetworkKind::Jina: return prompts;
    case NetworkKind::Dit: {
      int64_t evaluations = 0;
      for (const Pass& pass : p.passes) evaluations += evaluations_of(p.request, pass.noise);
      return evaluations * batch;
    }
    case NetworkKind::Decoder: return static_cast<int64_t>(p.passes.size()) * batch;
    case NetworkKind::Encoder: return (p.starts_from_picture() ? 1 : 0) + (p.hires() ? batch : 0);
  }
  return 0;
}

std::vector<StreamedPart> streamed_parts(const JobContext& job, const Networks& networks, const RunVariant& variant) {
  std::vector<StreamedPart> out;
  for (const NetworkRow& row : kNetworks) {
    const StreamedWeights& names = variant.streamed[row.network];
    if (names.empty() || row.network == NetworkKind::Encoder) continue;  // it runs once a picture, at most
    const Network& network = networks[row.network];
    const std::vector<const Program*> programs = plain(programs_of(job, row.network, variant.bands));
    const size_t read_bytes = network.window(programs, names).read_bytes;
    if (read_bytes == 0) continue;  // weights of these names are used where they lie
    out.push_back({.part = network.part(),
                   .weights_bytes = network.plan(programs).kept.all(),
                   .resident_bytes = network.plan(programs, names).kept.all(),
                   .read_bytes = read_bytes,
                   .runs = runs_of(job, row.network)});
  }
  return out;
}

}  // namespace

PlannedRun plan_run(const JobContext& job, const Networks& networks, const KeptWeights& kept, RunVariant variant,
                    Retries retries) {
  PlannedRun out{.variant = std::move(variant), .timeline = {}, .plan = {}};
  out.timeline = make_timeline(job, out.variant);
  AddUp sum(job, out.timeline, networks, out.variant, kept, retries);
  read(out.timeline, sum);
  out.plan.residency = out.variant.residency;
  out.plan.stages = sum.stages();
  out.plan.retries = sum.retries();
  out.plan.mapped_bytes = mapped_bytes(job, networks);
  out.plan.picture_bytes = init_picture_bytes(job.request(), job.prepared.first().size);
  out.plan.streamed = streamed_parts(job, networks, out.variant);
  if (job.engine.runtime.device) out.plan.device = job.engine.runtime.backend->caps().name;
  out.plan.device_budget_bytes = job.engine.device_budget();
  out.plan.process_bytes = job.engine.memory.process_bytes(job.engine.runtime.allocator);
  return out;
}

}  // namespace newbie
