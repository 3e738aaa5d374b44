// The shaders that are built into the program, as SPIR-V.
#pragma once

#include <cstdint>
#include <span>

namespace newbie::vulkan {

enum class Shader {
  Attention,
  GroupNorm,
  MatrixDirect,  // for drivers that run on a CPU
  MatrixTiled,   // for GPUs
  MatrixInt8Direct,
  MatrixInt8Tiled,
  MeanRows,
  Move,
  Norm,
  Pointwise,
  QuantiseRows,
  Softmax,
};

std::span<const uint32_t> code_of(Shader shader);

}  // namespace newbie::vulkan
