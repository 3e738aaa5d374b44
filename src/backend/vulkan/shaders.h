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
  MatrixUnitsF16,  // for devices with matrix units; has_matrix_unit_shaders()
  MatrixUnitsInt8,
  MeanRows,
  Move,
  Norm,
  Pointwise,
  QuantiseRows,
  Softmax,
};

std::span<const uint32_t> code_of(Shader shader);  // Error{Internal} for one that was not built

// Whether the compiler that built this program could make those for matrix units.
bool has_matrix_unit_shaders();

}  // namespace newbie::vulkan
