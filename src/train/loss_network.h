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
  uint64_t dropout_key = 0;  // of the way there and back; the way there alone drops nothing
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

  // Where weights that are not trained are; later ones take less memory and more time. The same bytes in all.
  enum class Base {
    Kept,      // twice: in the layout of the way there and, for the way back, as the file has them
    WayThere,  // once, in the layout of the way there; a step of the way back reads what it needs of the file
    Nowhere,   // prepared anew for every step that reads them
  };
  struct Limits {
    size_t arena_bytes = kAnyBytes;  // held where recomputing what lies between blocks can do it
    bool recompute = false;          // also where there is room (recompute_most)
    Base base = Base::Kept;
  };
  // `base` and `trained` outlive the network.
  LossNetwork(TrainingRuntime& runtime, const Transformer& base, const Parameters& trained,
              std::vector<AdaptedModule> modules, const Limits& limits);
  LossNetwork(TrainingRuntime& runtime, const Transformer& base, const Parameters& trained,
              std::vector<AdaptedModule> modules)
      : LossNetwork(runtime, base, trained, std::move(modules), Limits()) {}

  // The loss of a sample, and the gradients of the trained parameters, in their order, times `loss_gradient`.
  double run(const LossInput& input, float loss_gradient, Tensors32& gradients, StopToken stop = {});
  double loss(const LossInput& input, StopToken stop = {});  // no way back

  // The parameters' values are others now.
  void parameters_changed();

  struct Memory {
    size_t arena_bytes = 0;
    WeightBank::Plan weights;
    size_t window_bytes = 0;  // of streamed weights, and the part of the files that is mapped meanwhile
    size_t mapped_bytes = 0;
    double flop = 0;
    size_t weight_bytes() const { return weights.kept.all() + window_bytes + mapped_bytes; }
  };
  Memory plan(const SampleShape& shape) { return plan(shape, limits_.base); }
  Memory plan(const SampleShape& shape, Base base);  // with the base elsewhere

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
  bool drops_;  // elements, while training
  Limits limits_;
  TrainedWeights weights_;
  StreamedWeights streamed_;
  WeightBank bank_;
  std::map<std::pair<SampleShape, Way>, Program> programs_;
  std::map<std::string, std::vector<float>> norms_;  // DoRA's inputs, as the parameters are now
  bool stale_ = true;
  Buffer arena_, window_;
  Observer* observer_ = nullptr;
};

}  // namespace newbie
