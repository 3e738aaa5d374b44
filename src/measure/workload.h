// One network of a model, ready to be run again and again: what benchmarks and profiles measure.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "backend/program.h"
#include "compile/precision.h"
#include "core/allocator.h"
#include "measure/full_size.h"

namespace newbie {

enum class Work {
  Step,    // one denoiser pass
  Train,   // one sample of training an adapter: the denoiser's loss, and the way back
  Text,    // Gemma: the features of a prompt
  Clip,    // Jina CLIP: the pooled text
  Decode,  // the autoencoder: latents to a picture
  Encode,  // and back
};
std::string_view to_string(Work work);

struct WorkloadSpec {
  Work work = Work::Step;
  int64_t width = 512, height = 512;  // pixels
  int64_t tokens = 256;               // of the prompt
  int64_t layers = 0;                 // of the denoiser or the text model; 0: all
  int64_t lora_rank = 0;              // of an adapter on the official trainer's targets, for a step; 0: none
  bool recompute = false;             // Train: what lies between the two ways is computed again (recompute_most)
};

struct WorkloadOptions {
  int threads = 1;
  PrecisionPolicy precision;
  const Backend* backend = nullptr;
  bool fuse = true;
};

// The network, compiled; nothing is prepared. Error{InvalidRequest} when the spec does not fit the sizes.
Program compile_workload(const WorkloadSpec& spec, const ModelSizes& sizes, const WorkloadOptions& options);

class Workload {
 public:
  // Compiles the network with made-up weights of the given sizes and prepares them. Error{InvalidRequest} when the
  // spec does not fit the sizes; Error{OverBudget} when its memory is more than `available_bytes`.
  Workload(const WorkloadSpec& spec, const ModelSizes& sizes, const WorkloadOptions& options, size_t available_bytes);
  ~Workload();

  void run(StepClock* clock = nullptr);  // on the same inputs every time

  double flop() const;             // of one run
  size_t planned_bytes() const;    // weights and intermediates
  size_t weight_bytes() const;     // prepared
  size_t allocated_bytes() const;  // at the largest moment until now
  double prepare_seconds() const;  // making up the weights included
  double largest_output() const;   // |value| of the last run; infinite when one is not finite

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace newbie
