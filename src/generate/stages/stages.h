// The stages of a request. Each function makes one: what it enters with, and what it does.
#pragma once

#include <optional>
#include <vector>

#include "generate/job_context.h"
#include "generate/run_variant.h"
#include "generate/timeline.h"

namespace newbie {

// What stages hand on to later ones.
struct Conditioning {
  BufferId features, pooled, context;  // of one prompt
};
struct Carried {
  std::optional<BufferId> picture, mask;  // the first pass is held to: a latent, and what is repainted
  std::vector<Conditioning> prompts;
  BufferId latents, enlarged;  // of all pictures: of the pass that walks, and what a hires pass starts from
};

// Where a timeline is made.
struct Draft {
  const JobContext& job;
  const RunVariant& variant;
  Timeline timeline{};
  Carried carried{};

  BufferId buffer(const char* purpose, size_t bytes) { return add({purpose, bytes, false}); }
  BufferId arena(const char* purpose, const ProgramList& programs);
  // Once in a run.
  void once(Stage stage);
  // For each picture, one stage after the other.
  void for_each_picture(std::vector<Stage> stages);

 private:
  BufferId add(BufferSpec spec) {
    timeline.buffers.push_back(spec);
    return {timeline.buffers.size() - 1};
  }
};

// Takes these buffers, does the work, and gives them back.
void append_work(std::vector<Act>& acts, const std::vector<BufferId>& buffers, Perform work);

Stage picture_stage(Draft& draft);
Stage gemma_stage(Draft& draft);
Stage jina_stage(Draft& draft);
Stage context_stage(Draft& draft);

// Before a pass: its latents, filled with noise; and the decoder, where previews are decoded.
Stage noise_stage(Draft& draft, const Pass& pass);
Stage denoise_stage(Draft& draft, const Pass& pass);  // one picture's walk

// A second pass: all pictures drawn small, enlarged and encoded, before any is drawn large.
Stage before_enlarging_stage(Draft& draft);
Stage enlarge_stage(Draft& draft);  // one picture
Stage encode_stage(Draft& draft);
Stage after_enlarging_stage(Draft& draft);

Stage before_decoding_stage(Draft& draft);  // where all are drawn before any is decoded
Stage decode_stage(Draft& draft);           // one picture
Stage save_stage(Draft& draft);

}  // namespace newbie
