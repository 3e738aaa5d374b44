// TextToImage: from one request to pictures. Opens a model, says what a request will cost, and draws.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "compile/precision.h"
#include "core/allocator.h"
#include "core/log.h"
#include "core/stop_token.h"
#include "backend/registry.h"
#include "generate/guard.h"
#include "generate/job.h"
#include "generate/memory_plan.h"
#include "generate/parts.h"
#include "generate/progress.h"
#include "generate/request.h"
#include "generate/run_tap.h"
#include "image/image.h"

namespace newbie {

struct EngineOptions {
  int threads = 0;                 // 0: as many as the process may use
  size_t memory_budget_bytes = 0;  // 0: what the machine and its cgroup leave
  PrecisionRequest precision;
  BackendChoice backend = BackendChoice::Cpu;
  bool fuse = true;
  bool decompose = false;  // fused ops taken apart, to look into
  GuardMode guard = GuardMode::Retry;
  RunTap* run_tap = nullptr;                        // must outlive the engine
  std::optional<std::filesystem::path> text_cache;  // a folder for what the encoders made of prompts
  // A folder for prepared weights: later runs map them instead of preparing them.
  std::optional<std::filesystem::path> weight_cache;
  std::optional<std::filesystem::path> kept_hashes;  // a file for hashes of large weight files (weights/fingerprint.h)
  Allocator::FaultHook allocation_fault;             // tests
  ValueFault value_fault;                            // tests
};

// Every member reports failure as an Error: running out of memory anywhere is Error{OverBudget}, what the file system
// refuses Error{BadFile}. Exceptions of the caller's own callbacks pass through, unless they are those.
class TextToImage {
 public:
  // Reads configurations and tokenizers and maps the weight files; reads no weight.
  static TextToImage open(const ModelPaths& paths, const EngineOptions& options, Log& log);
  ~TextToImage();
  TextToImage(TextToImage&&) noexcept;
  TextToImage& operator=(TextToImage&&) noexcept;

  // Checks a request and everything about it that can be known without weights: Error{OverBudget} names the smallest
  // budget that would do; Error{InvalidRequest} or Error{BadFile} as its run would throw them.
  Job prepare(const GenerateRequest& request);

  // Every byte of the request, stage by stage, before anything is allocated. Error{OverBudget} names the smallest
  // budget that would do; Error{InvalidRequest} or Error{BadFile} as generate() would throw them.
  MemoryPlan plan(const GenerateRequest& request);

  // The same, with what streaming costs in seconds: one streamed weight of each part is read to see.
  MemoryPlan plan_with_times(const GenerateRequest& request);

  // Draws request.batch pictures and gives each to `on_image` as it is finished. The result carries the plan it used,
  // which is plan()'s unless what the process itself takes has changed since. Error{Cancelled} within one block of the
  // network after `stop` was set. A failed call leaves the engine as good as new: the next one draws the same bytes.
  GenerateResult generate(const GenerateRequest& request, Progress& progress, StopToken stop,
                          const std::function<void(GeneratedImage)>& on_image);

  // For tests and tools: the normalised latents after every interval, before decoding.
  using LatentTap = std::function<void(int picture, int interval, std::span<const float> latent)>;
  void set_latent_tap(LatentTap tap);
  void set_run_tap(RunTap* tap);  // must outlive the engine's calls; null takes it away

  // Memory at this moment. To be asked from the callbacks of a running request, or between requests.
  struct MemoryNow {
    size_t allocated_bytes = 0;  // weights, arenas and buffers
    size_t weights_bytes = 0;    // of that: prepared weights of all parts
  };
  MemoryNow memory_now() const;

  const Resolution& precision() const;  // what was decided, and why
  const std::vector<std::string>& precision_reasons() const { return precision().reasons; }
  const std::string& precision_name() const { return precision().policy.name; }
  int threads() const;
  PictureSize final_size(const GenerateRequest& request) const;  // of the pictures it will give
  // Identities of the four parts (weights/fingerprint.h), computed when first asked for.
  struct Fingerprints {
    std::string transformer, text_encoder, clip_model, vae;
  };
  const Fingerprints& fingerprints();

 private:
  friend class Job;
  struct Impl;
  explicit TextToImage(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace newbie
