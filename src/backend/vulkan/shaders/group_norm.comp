#version 450
// Group norm of a picture [pixels, channels], in three dispatches: mean and squares of pieces of each group, their union,
// and the numbers themselves, perhaps through SiLU. Sums in f32; a piece's squares are taken about its own mean.
#extension GL_GOOGLE_include_directive : require
#include "numbers.glsl"
#include "functions.glsl"
#include "groups.glsl"

layout(local_size_x = 64) in;
layout(constant_id = 0) const uint kStage = 0;
layout(constant_id = 1) const uint kDTypeX = 0;
layout(constant_id = 2) const uint kDTypeW = 0;
layout(constant_id = 3) const uint kDTypeB = 0;
layout(constant_id = 4) const uint kDTypeY = 0;
layout(constant_id = 5) const bool kSilu = false;

layout(push_constant) uniform Push {
  uvec2 x, w, b, y;
  uvec2 sums;  // [groups][pieces][mean, squares], then [groups][mean, gain]
  uint pixels, channels, groups, pieces;
  float eps;
};

uint first_pixel(uint piece) { return piece * (pixels / pieces) + min(piece, pixels % pieces); }

void piece_sums() {
  const uint piece = gl_WorkGroupID.x, group = gl_WorkGroupID.y, t = gl_LocalInvocationIndex;
  const uint each = channels / groups, first = first_pixel(piece), count = (first_pixel(piece + 1) - first) * each;
  float mine = 0.0;
  for (uint i = t; i < count; i += 64)
    mine += load(x, (first + i / each) * channels + group * each + i % each, kDTypeX);
  const float mean = sum_of_group(mine) / float(count);
  mine = 0.0;
  for (uint i = t; i < count; i += 64) {
    const float v = load(x, (first + i / each) * channels + group * each + i % each, kDTypeX) - mean;
    mine = fma(v, v, mine);
  }
  const float squares = sum_of_group(mine);
  if (t != 0) return;
  Floats(sums).at[(group * pieces + piece) * 2] = mean;
  Floats(sums).at[(group * pieces + piece) * 2 + 1] = squares;
}

void union_of_pieces() {
  const uint group = gl_WorkGroupID.x * 64 + gl_LocalInvocationIndex;
  if (group >= groups) return;
  float mean = 0.0, squares = 0.0;
  for (uint i = 0; i < pieces; ++i) {
    const float share = float(first_pixel(i + 1) - first_pixel(i)) / float(pixels);
    mean = fma(Floats(sums).at[(group * pieces + i) * 2], share, mean);
  }
  for (uint i = 0; i < pieces; ++i) {
    const float count = float((first_pixel(i + 1) - first_pixel(i)) * (channels / groups));
    const float off = Floats(sums).at[(group * pieces + i) * 2] - mean;
    squares += fma(off * off, count, Floats(sums).at[(group * pieces + i) * 2 + 1]);
  }
  const float count = float(pixels) * float(channels / groups);
  Floats(sums).at[(groups * pieces + group) * 2] = mean;
  Floats(sums).at[(groups * pieces + group) * 2 + 1] = 1.0 / sqrt(squares / count + eps);
}

void numbers() {
  const uint i = group_number() * 64 + gl_LocalInvocationIndex;
  if (i >= pixels * channels) return;
  const uint channel = i % channels, group = groups * pieces + channel / (channels / groups);
  float v = (load(x, i, kDTypeX) - Floats(sums).at[group * 2]) * Floats(sums).at[group * 2 + 1];
  v = v * load(w, channel, kDTypeW) + load(b, channel, kDTypeB);
  store(y, i, kDTypeY, kSilu ? silu(v) : v);
}

void main() {
  if (kStage == 0) piece_sums();
  if (kStage == 1) union_of_pieces();
  if (kStage == 2) numbers();
}
