// How shaders see memory and numbers: operands lie at device addresses, are widened to f32 as they are read and rounded
// to nearest even as they are written, to the bits that the host makes (core/float_formats.h).
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_buffer_reference_uvec2 : require
#extension GL_EXT_shader_16bit_storage : require
#extension GL_EXT_control_flow_attributes : require

const uint kF32 = 0, kBF16 = 1, kF16 = 2;  // as kernels/kernels.cpp

layout(buffer_reference, std430, buffer_reference_align = 4) buffer Words { uint at[]; };
layout(buffer_reference, std430, buffer_reference_align = 4) buffer Floats { float at[]; };
layout(buffer_reference, std430, buffer_reference_align = 2) buffer Halves { uint16_t at[]; };

float widen_f16(uint h) {
  const uint sign = (h & 0x8000u) << 16, rest = h & 0x7fffu;
  if (rest >= 0x7c00u) return uintBitsToFloat(sign | 0x7f800000u | ((rest & 0x3ffu) << 13));
  const float size = rest < 0x400u ? float(rest) * 5.9604644775390625e-8 : uintBitsToFloat((rest << 13) + 0x38000000u);
  return uintBitsToFloat(floatBitsToUint(size) | sign);
}

uint narrow_bf16(float x) {
  const uint u = floatBitsToUint(x);
  if ((u & 0x7fffffffu) > 0x7f800000u) return (u >> 16) | 0x40u;
  return (u + 0x7fffu + ((u >> 16) & 1u)) >> 16;
}

uint narrow_f16(float x) {
  const uint u = floatBitsToUint(x), sign = (u >> 16) & 0x8000u, size = u & 0x7fffffffu;
  if (size > 0x7f800000u) return sign | 0x7e00u;
  if (size >= 0x477ff000u) return sign | 0x7c00u;  // rounds to 65536 or more
  // Below 2^-14 a step is 2^-24, which is that of f32 numbers from 0.5 on.
  if (size < 0x38800000u) return sign | (floatBitsToUint(uintBitsToFloat(size) + 0.5) - 0x3f000000u);
  return sign | ((size - 0x38000000u + 0xfffu + ((size >> 13) & 1u)) >> 13);
}

float load(uvec2 tensor, uint i, uint dtype) {
  if (dtype == kF32) return Floats(tensor).at[i];
  const uint h = uint(Halves(tensor).at[i]);
  return dtype == kBF16 ? uintBitsToFloat(h << 16) : widen_f16(h);
}

void store(uvec2 tensor, uint i, uint dtype, float x) {
  if (dtype == kF32)
    Floats(tensor).at[i] = x;
  else
    Halves(tensor).at[i] = uint16_t(dtype == kBF16 ? narrow_bf16(x) : narrow_f16(x));
}

// A dispatch of more groups than one axis may have is a sheet of them.
const uint kGroupsInARow = 32768;
uint group_number() { return gl_WorkGroupID.y * kGroupsInARow + gl_WorkGroupID.x; }
