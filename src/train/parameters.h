// What is trained: named tensors in f32 that live in memory, and a network's weights with these over them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/weight_source.h"

namespace newbie {

struct Parameter {
  std::string name;  // "layers.0.attention.qkv.lora_A.weight"
  Shape shape;
  std::vector<float> values;
};

class Parameters {
 public:
  Parameters() = default;
  explicit Parameters(std::vector<Parameter> list);  // sorted by name; Error{Internal} for one that is there twice

  std::span<Parameter> all() { return list_; }
  std::span<const Parameter> all() const { return list_; }
  const Parameter* find(std::string_view name) const;  // or null
  size_t elements() const;

 private:
  std::vector<Parameter> list_;
};

// Both must outlive it. A parameter stands before a weight of its name.
class TrainedWeights final : public WeightSource {
 public:
  TrainedWeights(const WeightSource& base, const Parameters& trained) : base_(base), trained_(trained) {}

  std::optional<TensorSpec> find(std::string_view name) const override;
  ConstTensorView mapped(std::string_view name) const override;
  void read(std::string_view name, DType dtype, std::byte* destination) const override;
  void prefetch(std::string_view name) const override;
  void release(std::string_view name) const override;

 private:
  const WeightSource& base_;
  const Parameters& trained_;
};

}  // namespace newbie
