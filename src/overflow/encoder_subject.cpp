#include "core/machine.h"
#include "models/gemma3/graph.h"
#include "models/jina_clip/graph.h"
#include "overflow/subject.h"

namespace newbie {

namespace {

class EncoderSubject final : public Subject {
 public:
  EncoderSubject(EncoderKind kind, const std::filesystem::path& path, Strictness strictness,
                 std::vector<EncoderText> texts, size_t max_tokens, EngineOptions options)
      : options_(std::move(options)) {
    if (kind == EncoderKind::TextEncoder) {
      auto part = std::make_unique<TextEncoder>(open_text_encoder(path, silent_log(), strictness));
      tokenize(*part, std::move(texts), max_tokens);
      build_ = [sizes = part->sizes](int64_t tokens) { return gemma3_features(sizes, tokens); };
      stage_ = StageKind::Gemma;
      name_ = to_string(PartKind::TextEncoder);
      part_ = std::move(part);
    } else {
      auto part = std::make_unique<ClipModel>(open_clip_model(path, silent_log(), strictness));
      tokenize(*part, std::move(texts), max_tokens);
      build_ = [sizes = part->sizes](int64_t tokens) { return jina_text(sizes, tokens); };
      stage_ = StageKind::Jina;
      name_ = to_string(PartKind::ClipModel);
      part_ = std::move(part);
    }
  }

  SubjectRun run(const Way& way, RunObserver& progress, StopToken stop) override {
    Runtime runtime(options_.threads > 0 ? options_.threads : usable_cpus(),
                    resolve_precision(way.precision, this_cpu()).policy,
                    make_backend(options_.backend, options_.device));
    runtime.fuse = !way.plain;
    runtime.decompose = way.decompose;
    runtime.name_values = way.trace != nullptr;
    Network network(runtime, part_->weights, std::string(name_));
    RunPlace at{
        .stage = stage_, .pictures = static_cast<int>(ids_.size()), .evaluations = static_cast<int>(ids_.size())};
    progress.on_stage(at);
    SubjectRun out;
    for (size_t i = 0; i < ids_.size(); ++i) {
      const auto tokens = static_cast<int64_t>(ids_[i].size());
      const Graph graph = build_(tokens);
      const Program program = network.compile(graph);
      if (way.trace != nullptr) {
        way.trace->at_prompt(static_cast<int>(i));
        network.show(graph, Bands::None, program, *way.trace);
      }
      network.load(program, stop);
      const Buffer arena = runtime.working_memory().allocate(program.memory().arena_bytes, "encoder arena");
      const Graph::Output& output = graph.outputs().front();
      const Shape shape = graph.node(output.id).shape;
      std::vector<float> features(shape.elements());
      Bindings bindings;
      bindings.inputs["ids"] = {{Shape{tokens}, DType::I32}, reinterpret_cast<const std::byte*>(ids_[i].data())};
      bindings.outputs[output.name] = {{shape, DType::F32}, reinterpret_cast<std::byte*>(features.data())};
      network.run(program, arena, bindings, stop, {way.trace, {.stage = stage_}});
      out.results.push_back(std::move(features));
      at.evaluation = static_cast<int>(i) + 1;
      progress.on_step(at, 0);
    }
    out.peak_bytes = runtime.allocator.peak_bytes();
    return out;
  }

  const char* result_name() const override { return "features"; }
  const std::vector<std::string>& prompts() const override { return prompts_; }

 private:
  template <typename Encoder>
  void tokenize(const Encoder& part, std::vector<EncoderText> texts, size_t max_tokens) {
    std::unique_ptr<Tokenizer> tokenizer;
    for (EncoderText& text : texts) {
      prompts_.push_back(text.text);
      if (text.ids.empty()) {
        if (!tokenizer) tokenizer = part.open_tokenizer();
        text.ids = tokenizer->encode(text.text, max_tokens).ids;
      }
      for (const int32_t id : text.ids)
        if (id < 0 || id >= part.sizes.vocabulary)
          fail(ErrorKind::InvalidRequest, "token id {}: the embedding has {} rows", id, part.sizes.vocabulary);
      ids_.push_back(std::move(text.ids));
    }
  }

  EngineOptions options_;
  std::unique_ptr<Part> part_;
  StageKind stage_ = StageKind::Gemma;
  std::string_view name_;
  std::function<Graph(int64_t tokens)> build_;
  std::vector<std::vector<int32_t>> ids_;
  std::vector<std::string> prompts_;
};

}  // namespace

std::unique_ptr<Subject> encoder_subject(EncoderKind kind, const std::filesystem::path& path, Strictness strictness,
                                         std::vector<EncoderText> texts, size_t max_tokens, EngineOptions options) {
  return std::make_unique<EncoderSubject>(kind, path, strictness, std::move(texts), max_tokens, std::move(options));
}

}  // namespace newbie
