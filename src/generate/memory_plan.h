// MemoryPlan: the bytes of a request, stage by stage, before anything is allocated.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "generate/stage.h"

namespace newbie {

// Which weights stay between stages, from fastest to smallest.
enum class Residency {
  FreeEncoders,   // text encoders are freed after the prompt is encoded
  FreeEachStage,  // and the transformer before the picture is decoded
};
std::string_view to_string(Residency residency);

// One stretch of a run with a fixed set of weights: they are loaded, then an arena is allocated and programs run.
struct StagePlan {
  StageKind stage = StageKind::Plan;
  bool retry = false;             // the guard runs it again in wider numbers
  size_t weights_bytes = 0;       // allocated, other parts' included
  size_t page_bytes = 0;          // pages of weights that are used where they lie, others' included
  size_t window_bytes = 0;        // where streamed weights are prepared
  size_t arena_bytes = 0;         // intermediates and kernel scratch
  size_t scratch_bytes = 0;       // of the arena: the largest kernel scratch
  size_t buffer_bytes = 0;        // features, latents, sampler state, pictures
  size_t loading_peak_bytes = 0;  // everything allocated at the largest moment while weights are loaded; 0: none are
  // On a device, where there is one: then weights, windows and arenas lie there, and what stands above of them is what
  // the host has beside it (tables, staging).
  struct OnDevice {
    size_t weights_bytes = 0, window_bytes = 0, arena_bytes = 0;
    size_t loading_peak_bytes = 0;  // everything allocated at the largest moment while weights are loaded; 0: none are

    size_t running_bytes() const { return weights_bytes + window_bytes + arena_bytes; }
    size_t peak_bytes() const { return std::max(running_bytes(), loading_peak_bytes); }
    bool operator==(const OnDevice&) const = default;
  } device;
  // Pages of weight files that are resident while a weight is read: while programs run, and while weights are loaded.
  size_t running_file_bytes = 0, loading_file_bytes = 0;

  std::string name() const;  // "denoise", "denoise retry"
  size_t running_bytes() const { return weights_bytes + window_bytes + arena_bytes + buffer_bytes; }
  size_t peak_bytes() const { return std::max(running_bytes(), loading_peak_bytes); }  // allocated
  size_t resident_peak_bytes() const {
    return page_bytes + std::max(running_bytes() + running_file_bytes, loading_peak_bytes + loading_file_bytes);
  }
  bool operator==(const StagePlan&) const = default;
};

// A part some of whose weights are not kept.
struct StreamedPart {
  std::string part;           // "transformer", "text_encoder", "clip_model", "vae"
  size_t weights_bytes = 0;   // if all were kept
  size_t resident_bytes = 0;  // what is kept
  size_t read_bytes = 0;      // from the file in every run of its network, at most
  int64_t runs = 0;           // in the whole request, at most
  double seconds = 0;         // that reading takes in every run; 0: not measured
};

// What was given up to stay within the budget, and why.
struct MemoryChoice {
  std::string what, why;
};

struct MemoryPlan {
  Residency residency = Residency::FreeEncoders;
  std::vector<StagePlan> stages;
  size_t process_bytes = 0;  // program, libraries, tables, kernels, and what running adds
  size_t mapped_bytes = 0;   // of mapped files: rows of tables that will be touched, at most
  size_t picture_bytes = 0;  // of the picture it starts from, brought to size
  size_t budget_bytes = 0;   // what held_bytes() was held against
  std::vector<StreamedPart> streamed;
  // The least that stages take when the guard has all they run repeated in f32; none where there is room for
  // everything. A run takes it only when it comes to that; what it has taken then is among its stages.
  std::vector<StagePlan> retries;
  std::vector<MemoryChoice> choices;  // in the order they were made; none: the fastest way fits
  std::string device;                 // whose memory the stages take, beside the host's; empty: none
  size_t device_budget_bytes = 0;     // what device_peak_bytes() was held against

  size_t allocated_peak_bytes() const;     // what the allocator will see
  size_t device_peak_bytes() const;        // what the device's will see
  const StagePlan& largest_stage() const;  // by resident size
  size_t beside_stages_bytes() const { return process_bytes + mapped_bytes + picture_bytes; }
  size_t peak_bytes() const { return beside_stages_bytes() + largest_stage().resident_peak_bytes(); }
  // What a budget is held against: the peak, also when a retry comes.
  const StagePlan& largest_held() const;
  size_t held_bytes() const { return beside_stages_bytes() + largest_held().resident_peak_bytes(); }
};

}  // namespace newbie
