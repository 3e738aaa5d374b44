// TextToImage: a model, opened; many requests. Says what a request will cost, and draws it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "generate/engine_options.h"
#include "generate/job.h"
#include "generate/model.h"

namespace newbie {

// Re-entrant: any number of threads may prepare, plan and run jobs of one engine at once. What jobs share is immutable
// (the mapped model) or locked (programs, kept weights, reservations); buffers, observer, log and guard are the job's
// own. A plan never waits for a drawing. A run reserves what its plan says, so that the budget holds for the sum of
// all; a job draws the same bytes beside others as alone.
//
// Every member reports failure as an Error: running out of memory anywhere is Error{OverBudget}, what the file system
// refuses Error{BadFile}. Exceptions of the caller's own callbacks pass through, unless they are those.
class TextToImage {
 public:
  // Reads configurations and tokenizers and maps the weight files; reads no weight. `log` is called by jobs that bring
  // none of their own, and must bear the threads that run them.
  static TextToImage open(const ModelPaths& paths, const EngineOptions& options, Log& log);
  ~TextToImage();
  TextToImage(TextToImage&&) noexcept;
  TextToImage& operator=(TextToImage&&) noexcept;

  // Checks a request and everything about it that can be known without weights: Error{OverBudget} names the smallest
  // budget that would do; Error{InvalidRequest} or Error{BadFile} as its run would throw them.
  Job prepare(const GenerateRequest& request, const JobOptions& options = {});

  // prepare(request), and its plan, or its run.
  MemoryPlan plan(const GenerateRequest& request) { return prepare(request).plan(); }
  GenerateResult generate(const GenerateRequest& request, RunObserver& observer, StopToken stop,
                          const std::function<void(GeneratedImage)>& on_image) {
    return prepare(request).run(observer, stop, on_image);
  }

  size_t allocated_bytes() const;  // at this moment: weights, arenas and buffers of all jobs, and kept weights
  size_t reserved_bytes() const;   // by jobs that run, and of kept weights

  const OpenedModel& model() const;
  const Resolution& precision() const;  // what was decided, and why
  const std::vector<std::string>& precision_reasons() const { return precision().reasons; }
  const std::string& precision_name() const { return precision().policy.name; }
  int threads() const;
  PictureSize final_size(const GenerateRequest& request) const;  // of the pictures it will give
  using Fingerprints = newbie::Fingerprints;
  const Fingerprints& fingerprints() const;  // computed when first asked for

 private:
  explicit TextToImage(std::unique_ptr<Engine> engine);
  std::unique_ptr<Engine> engine_;
};

}  // namespace newbie
