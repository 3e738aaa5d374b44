// MemoryPlan: the bytes of a request, stage by stage, before anything is allocated.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace newbie {

// Which weights stay between stages, from fastest to smallest.
enum class Residency {
  FreeEncoders,   // text encoders are freed after the prompt is encoded
  FreeEachStage,  // and the transformer before the picture is decoded
};
std::string_view to_string(Residency residency);

// One stretch of a run with a fixed set of weights. Peak of a stage = everything in its row.
struct StagePlan {
  std::string name;          // "gemma", "jina", "context", "denoise", "decode"
  size_t weights_bytes = 0;  // resident, other parts' included
  size_t arena_bytes = 0;    // intermediates and kernel scratch
  size_t scratch_bytes = 0;  // of the arena: the largest kernel scratch
  size_t buffer_bytes = 0;   // features, latents, sampler state, pictures
  size_t loading_bytes = 0;  // beyond weights_bytes while weights are packed, at most

  // Weights are packed before the arena is allocated: the larger moment counts.
  size_t peak_bytes() const;
};

struct MemoryPlan {
  Residency residency = Residency::FreeEncoders;
  std::vector<StagePlan> stages;
  size_t process_bytes = 0;  // resident already: program, libraries, tables, kernels
  size_t mapped_bytes = 0;   // of mapped files: rows of tables that will be touched, at most

  size_t allocated_peak_bytes() const;  // what the allocator will see
  size_t peak_bytes() const { return process_bytes + mapped_bytes + allocated_peak_bytes(); }  // resident size
};

}  // namespace newbie
