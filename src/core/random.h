// TorchGenerator: the random numbers of PyTorch's CPU generator, so that a seed gives the picture it gives elsewhere.
#pragma once

#include <cstdint>
#include <random>
#include <span>

namespace newbie {

// MT19937, seeded with the low 32 bits of `seed` as torch.manual_seed does (spec/sampling.md §5).
class TorchGenerator {
 public:
  explicit TorchGenerator(uint64_t seed) : engine_(static_cast<uint32_t>(seed)) {}

  // The next out.size() values of torch.randn for one float32 tensor of that many elements; calls continue the stream.
  // At least 16 elements: PyTorch draws smaller tensors by another rule, so they are an Error{InvalidRequest}.
  // Equal to PyTorch up to the last bits of its vectorised log, cos and sin.
  void normal(std::span<float> out);

 private:
  float uniform();  // [0, 1) in steps of 2⁻²⁴

  std::mt19937 engine_;
};

}  // namespace newbie
