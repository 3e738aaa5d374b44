// Tensors of tests: f32 values with a shape, made up or bound by name, and weights that live in memory.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/weight_source.h"

namespace newbie::test {

// Token ids are kept as values too: whole numbers below 2^24 are exact.
struct Tensor {
  Shape shape;
  std::vector<float> values;
};
using Tensors = std::map<std::string, Tensor>;

// Normally distributed around `mean`; the same numbers for the same seed.
Tensor random_tensor(const Shape& shape, uint64_t seed, float deviation = 1.0f, float mean = 0.0f);

Tensor as_tensor(const ConstTensorView& view);                  // F32, BF16, F16 or I32
std::vector<std::byte> as_bytes(const Tensor& t, DType dtype);  // rounded to nearest even

// Weights given by the test, kept in a dtype of its choice; also times a power of two (core/scaled_weight.h).
class MemoryWeights final : public WeightSource {
 public:
  void add(const std::string& name, const Tensor& tensor, DType stored = DType::F32);

  std::optional<TensorSpec> find(std::string_view name) const override;
  ConstTensorView mapped(std::string_view name) const override;
  void read(std::string_view name, DType dtype, std::byte* destination) const override;

 private:
  struct Stored {
    TensorSpec spec;
    std::vector<std::byte> bytes;
  };
  std::map<std::string, Stored, std::less<>> weights_;
};

}  // namespace newbie::test
