// Weights of a model and others that are used with them: what a run reads when something is laid over a model.
#pragma once

#include "weights/weight_store.h"

namespace newbie {

// Both must outlive it; a name is looked for in `above` first.
class LayeredWeights final : public WeightSource {
 public:
  LayeredWeights(const WeightStore& base, const WeightStore& above) : base_(base), above_(above) {}

  std::optional<TensorSpec> find(std::string_view name) const override { return of(name).find(name); }
  ConstTensorView mapped(std::string_view name) const override { return of(name).mapped(name); }
  void read(std::string_view name, DType dtype, std::byte* destination) const override {
    of(name).read(name, dtype, destination);
  }
  size_t stored_bytes(std::string_view name) const override { return of(name).stored_bytes(name); }
  void prefetch(std::string_view name) const override { of(name).prefetch(name); }
  void release(std::string_view name) const override { of(name).release(name); }

 private:
  const WeightStore& of(std::string_view name) const { return above_.find(name) ? above_ : base_; }

  const WeightStore& base_;
  const WeightStore& above_;
};

}  // namespace newbie
