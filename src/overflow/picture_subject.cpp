#include "overflow/subject.h"

namespace newbie {

namespace {

// Passes everything on: progress to those who wait, values to the trace; and keeps the last latent.
class Onlooker final : public RunObserver {
 public:
  Onlooker(RunObserver* trace, RunObserver& progress) : trace_(trace), progress_(progress) {}

  Wants wants() const override { return trace_ != nullptr ? trace_->wants() : Wants{}; }
  void on_stage(const RunPlace& at) override { progress_.on_stage(at); }
  void on_step(const RunPlace& at, double seconds) override { progress_.on_step(at, seconds); }
  void on_latent(const RunPlace& /*at*/, int /*step*/, std::span<const float> seen) override {
    latent.assign(seen.begin(), seen.end());
  }
  void on_graph(std::string_view part, const Graph& graph, const Program& program,
                const WeightSource& weights) override {
    trace_->on_graph(part, graph, program, weights);
  }
  void on_run(const RunPlace& at, std::string_view part, const Program& program, const Bindings& bindings) override {
    if (trace_ != nullptr) trace_->on_run(at, part, program, bindings);
  }
  void on_value(const RunPlace& at, std::string_view part, const std::string& path, ConstTensorView value) override {
    trace_->on_value(at, part, path, value);
  }

  std::vector<float> latent;

 private:
  RunObserver* trace_;
  RunObserver& progress_;
};

class PictureSubject final : public Subject {
 public:
  PictureSubject(ModelPaths model, std::vector<GenerateRequest> requests, EngineOptions options)
      : model_(std::move(model)), requests_(std::move(requests)), options_(std::move(options)) {
    for (GenerateRequest& r : requests_) {
      r.batch = 1;
      r.preview_every = 0;
      prompts_.push_back(r.prompt);
    }
  }

  SubjectRun run(const Way& way, RunObserver& progress, StopToken stop) override {
    EngineOptions options = options_;
    options.precision = way.precision;
    options.fuse = !way.plain;
    options.decompose = way.decompose;
    options.guard = GuardMode::Warn;
    options.name_values = way.trace != nullptr;
    TextToImage engine = TextToImage::open(model_, options, silent_log());
    SubjectRun out;
    for (size_t i = 0; i < requests_.size(); ++i) {
      if (way.trace != nullptr) way.trace->at_prompt(static_cast<int>(i));
      Onlooker onlooker(way.trace, progress);
      const GenerateResult drawn = engine.prepare(requests_[i]).run(onlooker, stop, [](const GeneratedImage&) {});
      out.results.push_back(std::move(onlooker.latent));
      out.peak_bytes = std::max(out.peak_bytes, drawn.plan.allocated_peak_bytes());
    }
    return out;
  }

  const char* result_name() const override { return "latents"; }
  const std::vector<std::string>& prompts() const override { return prompts_; }

 private:
  ModelPaths model_;
  std::vector<GenerateRequest> requests_;
  EngineOptions options_;
  std::vector<std::string> prompts_;
};

}  // namespace

std::unique_ptr<Subject> picture_subject(ModelPaths model, std::vector<GenerateRequest> requests,
                                         EngineOptions options) {
  return std::make_unique<PictureSubject>(std::move(model), std::move(requests), std::move(options));
}

}  // namespace newbie
