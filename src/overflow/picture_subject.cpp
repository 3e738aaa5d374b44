#include "overflow/subject.h"

namespace newbie {

namespace {

// Tells the trace which evaluation is running, and passes everything on.
class EvaluationCounter final : public Progress {
 public:
  EvaluationCounter(RangeTrace* trace, int prompt, Progress& progress)
      : trace_(trace), prompt_(prompt), progress_(progress) {}

  void on_stage(std::string_view name) override {
    at(name == "denoise" || name == "hires" ? 1 : 0);
    progress_.on_stage(name);
  }
  void on_step(const StepReport& report) override {
    at(report.evaluation == report.evaluations ? 0 : report.evaluation + 1);
    progress_.on_step(report);
  }

 private:
  void at(int evaluation) {
    if (trace_ != nullptr) trace_->at({prompt_, evaluation});
  }
  RangeTrace* trace_;
  int prompt_;
  Progress& progress_;
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

  SubjectRun run(const Way& way, Progress& progress, StopToken stop) override {
    EngineOptions options = options_;
    options.precision = way.precision;
    options.fuse = !way.plain;
    options.decompose = way.decompose;
    options.guard = GuardMode::Warn;
    options.run_tap = way.trace;
    TextToImage engine = TextToImage::open(model_, options, silent_log());
    std::vector<float> latent;
    engine.set_latent_tap([&](int, int, std::span<const float> seen) { latent.assign(seen.begin(), seen.end()); });
    SubjectRun out;
    for (size_t i = 0; i < requests_.size(); ++i) {
      EvaluationCounter counter(way.trace, static_cast<int>(i), progress);
      const GenerateResult drawn = engine.generate(requests_[i], counter, stop, [](const GeneratedImage&) {});
      out.results.push_back(latent);
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
