// What is looked into: prompts drawn by a whole model, or texts read by one encoder, under any precision.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/stop_token.h"
#include "generate/text_to_image.h"
#include "overflow/range_trace.h"

namespace newbie {

struct SubjectRun {
  std::vector<std::vector<float>> results;  // of each prompt: the last latents, or the features
  size_t peak_bytes = 0;                    // of the largest prompt's plan
};

class Subject {
 public:
  virtual ~Subject() = default;

  struct Way {
    PrecisionRequest precision;
    bool plain = false;      // nothing is fused, so that every value of the model is seen
    bool decompose = false;  // fused ops are taken apart, too
    RangeTrace* trace = nullptr;
  };
  // Never stops at bad values: they are what is looked for. Errors as TextToImage's.
  virtual SubjectRun run(const Way& way, RunObserver& progress, StopToken stop) = 0;

  virtual const char* result_name() const = 0;                  // "latents", "features"
  virtual const std::vector<std::string>& prompts() const = 0;  // for reports
};

// Draws one picture for each request; `options` says threads, memory and backend, the rest is ours.
std::unique_ptr<Subject> picture_subject(ModelPaths model, std::vector<GenerateRequest> requests,
                                         EngineOptions options);

enum class EncoderKind { TextEncoder, ClipModel };

// One encoder alone: `path` is its folder or file. Texts are read as they are; one with ids is not tokenized.
struct EncoderText {
  std::string text;
  std::vector<int32_t> ids;
};
std::unique_ptr<Subject> encoder_subject(EncoderKind kind, const std::filesystem::path& path, Strictness strictness,
                                         std::vector<EncoderText> texts, size_t max_tokens, EngineOptions options);

}  // namespace newbie
