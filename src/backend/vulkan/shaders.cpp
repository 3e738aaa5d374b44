#include "backend/vulkan/shaders.h"

#include "core/error.h"

// Written by the build from shaders/*.comp.
#include <vulkan_shaders/attention.h>
#include <vulkan_shaders/group_norm.h>
#include <vulkan_shaders/matrix_direct.h>
#include <vulkan_shaders/matrix_int8_direct.h>
#include <vulkan_shaders/matrix_int8_tiled.h>
#include <vulkan_shaders/matrix_tiled.h>
#ifdef NEWBIE_MATRIX_UNIT_SHADERS
#include <vulkan_shaders/matrix_units_f16.h>
#include <vulkan_shaders/matrix_units_int8.h>
#endif
#include <vulkan_shaders/mean_rows.h>
#include <vulkan_shaders/move.h>
#include <vulkan_shaders/norm.h>
#include <vulkan_shaders/pointwise.h>
#include <vulkan_shaders/quantise_rows.h>
#include <vulkan_shaders/softmax.h>

namespace newbie::vulkan {

std::span<const uint32_t> code_of(Shader shader) {
  switch (shader) {
    case Shader::Attention: return shader_attention;
    case Shader::GroupNorm: return shader_group_norm;
    case Shader::MatrixDirect: return shader_matrix_direct;
    case Shader::MatrixInt8Direct: return shader_matrix_int8_direct;
    case Shader::MatrixInt8Tiled: return shader_matrix_int8_tiled;
#ifdef NEWBIE_MATRIX_UNIT_SHADERS
    case Shader::MatrixUnitsF16: return shader_matrix_units_f16;
    case Shader::MatrixUnitsInt8: return shader_matrix_units_int8;
#else
    case Shader::MatrixUnitsF16:
    case Shader::MatrixUnitsInt8: break;
#endif
    case Shader::MatrixTiled: return shader_matrix_tiled;
    case Shader::MeanRows: return shader_mean_rows;
    case Shader::Move: return shader_move;
    case Shader::Norm: return shader_norm;
    case Shader::Pointwise: return shader_pointwise;
    case Shader::QuantiseRows: return shader_quantise_rows;
    case Shader::Softmax: return shader_softmax;
  }
  fail(ErrorKind::Internal, "no shader has number {}", static_cast<int>(shader));
}

bool has_matrix_unit_shaders() {
#ifdef NEWBIE_MATRIX_UNIT_SHADERS
  return true;
#else
  return false;
#endif
}

}  // namespace newbie::vulkan
