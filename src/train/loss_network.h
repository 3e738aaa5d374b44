// LossNetwork: the denoiser as training runs it, one sample at a time: a loss, and what every trained parameter does to
// it.
#pragma once

#include <limits>
#include <map>
#include <memory>

#include "backend/program.h"
#include "compile/precision.h"
#include "core/allocator.h"
#include "generate/parts.h"
#include "train/loss_graph.h"
#include "train/sum_tree.h"

namespace newbie {

// One sample at one time (objective.h). Spans are read while a run lasts.
struct LossInput {
  SampleShape shape;
  std::span<const float> caption, pooled, noisy, target;
  float time = 0;
};

// What all networks of a run share; they outlive the network.
struct TrainingRuntime {
  ThreadPool& pool;
  Allocator& allocator;
  const Backend& backend;
  PrecisionPolicy policy;
};

class LossNetwork {
 public:
  static constexpr size_t kAnyBytes = std::numeric_limits<size_t>::max();

  // `base` and `trained` outlive the network. Arenas are at most `arena_bytes` where recomputing what lies between
  // blocks can make them so.
  LossNetwork(TrainingRuntime& runtime, const Transformer& base, const Parameters& trained,
              std::vector<AdaptedModule> modules, size_t arena_bytes = kAnyBytes);

  // The loss of a sample, and the gradients of the trained parameters, in their order, times `loss_gradient`.
  double run(const LossInput& input, float loss_gradient, Tensors32& gradients, StopToken stop = {});
  double loss(const LossInput& input, StopToken stop = {});  // no way back

  // The parameters' values are others now.
  void parameters_changed();

  struct Memory {
    size_t arena_bytes = 0;
    WeightBank::Plan weights;
    double flop = 0;
  };
  Memory plan(const SampleShape& shape);

  // If not null, sees every named value of run(): the first that is not finite tells where a step broke.
  void observe(Observer* observer) { observer_ = observer; }

 private:
  enum class Way { There, ThereAndBack };
  const Program& program(const SampleShape& shape, Way way);
  void bind_and_run(const Program& program, const LossInput& input, Bindings& bindings, StopToken stop);

  TrainingRuntime& runtime_;
  const Transformer& base_;
  const Parameters& trained_;
  std::vector<AdaptedModule> modules_;
  size_t arena_limit_;
  TrainedWeights weights_;
  WeightBank bank_;
  std::map<std::pair<SampleShape, Way>, Program> programs_;
  std::map<std::string, std::vector<float>> norms_;  // DoRA's inputs, as the parameters are now
  bool stale_ = true;
  Buffer arena_;
  Observer* observer_ = nullptr;
};

}  // namespace newbie
