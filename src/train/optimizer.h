// An optimizer of a choice and what it remembers of every parameter. The arithmetic is in optimizers/.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/tensor.h"
#include "train/optimizers/adafactor.h"
#include "train/optimizers/adamw.h"
#include "train/optimizers/lion.h"
#include "train/parameters.h"
#include "train/sum_tree.h"

namespace newbie {

enum class OptimizerKind { AdamW, AdamW8bit, Lion, Adafactor };
std::string_view to_string(OptimizerKind kind);                           // "AdamW8bit"
std::optional<OptimizerKind> find_optimizer_kind(std::string_view name);  // whatever its case

struct OptimizerOptions {
  OptimizerKind kind = OptimizerKind::AdamW;
  AdamWOptions adamw;  // of both of that name
  LionOptions lion;
  AdafactorOptions adafactor;
  bool operator==(const OptimizerOptions&) const = default;
};

class Optimizer {
 public:
  // Moments of fewer numbers than this stay in f32 with AdamW8bit.
  static constexpr size_t kFewestCoded = 4096;

  Optimizer(const OptimizerOptions& options, const Parameters& parameters);

  // `gradients` in the order of the parameters.
  void step(Parameters& parameters, const Tensors32& gradients, double lr);
  int64_t steps() const { return steps_; }

  // What it remembers, one or more tensors a parameter: "layers.0….lora_A.weight.m". Bytes are written and read in
  // place by checkpoints.
  struct State {
    std::string name;
    TensorSpec spec;
    std::vector<std::byte> bytes;

    std::span<float> floats() { return {reinterpret_cast<float*>(bytes.data()), bytes.size() / sizeof(float)}; }
    std::span<uint8_t> codes() { return {reinterpret_cast<uint8_t*>(bytes.data()), bytes.size()}; }
  };
  std::vector<State>& states() { return states_; }
  const std::vector<State>& states() const { return states_; }
  void set_steps(int64_t steps) { steps_ = steps; }

 private:
  void add(const std::string& name, DType dtype, size_t count);
  void add_moments(const Parameter& p);

  OptimizerOptions options_;
  std::vector<State> states_;
  std::vector<size_t> first_;  // state of each parameter
  int64_t steps_ = 0;
  std::vector<float> room_;  // Adafactor's update
};

}  // namespace newbie
