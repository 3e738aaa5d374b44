#version 450
// softmax(scale · q kᵀ + mask) v for eight queries of one head: keys come in blocks, the softmax's largest score and sum
// are kept up to date (online), so that no row of scores is ever whole. Sums and softmax in f32.
#extension GL_GOOGLE_include_directive : require
#include "numbers.glsl"
#include "functions.glsl"

layout(local_size_x = 64) in;
layout(constant_id = 0) const uint kDTypeQ = 0;
layout(constant_id = 1) const uint kDTypeK = 0;
layout(constant_id = 2) const uint kDTypeV = 0;
layout(constant_id = 3) const uint kDTypeY = 0;
layout(constant_id = 4) const uint kHead = 64;  // numbers of a head
layout(constant_id = 5) const bool kCausal = false;

layout(push_constant) uniform Push {
  uvec2 q, k, v, y;
  uint queries, keys, heads, kv_heads, window;
  float scale;
};

const uint kQueries = 8, kKeys = 32;
const uint kColumns = (kHead + 63) / 64;  // of the result, of one invocation
const float kLeast = -3.0e38;
shared float rows[kQueries * kHead];
shared float p[kQueries * kKeys];
shared float largest[kQueries], total[kQueries], factor[kQueries];

uvec2 visible(uint query) {  // keys [x, y)
  const uint last = kCausal ? min(query + 1, keys) : keys;
  return uvec2(kCausal && window > 0 && last > window ? last - window : 0, last);
}

void main() {
  const uint t = gl_LocalInvocationIndex, head = gl_WorkGroupID.y, first = gl_WorkGroupID.x * kQueries;
  const uint kv_head = head / (heads / kv_heads);
  const uint last_query = min(first + kQueries, queries) - 1;
  for (uint e = t; e < kQueries * kHead; e += 64) {
    const uint query = min(first + e / kHead, last_query);
    rows[e] = load(q, (query * heads + head) * kHead + e % kHead, kDTypeQ);
  }
  if (t < kQueries) {
    largest[t] = kLeast;
    total[t] = 0.0;
  }
  float sum[kQueries * kColumns];
  for (uint i = 0; i < kQueries * kColumns; ++i) sum[i] = 0.0;

  const uint end = visible(last_query).y;
  for (uint k0 = visible(first).x; k0 < end; k0 += kKeys) {
    barrier();
    for (uint e = t; e < kQueries * kKeys; e += 64) {
      const uint key = min(k0 + e % kKeys, keys - 1), row = e / kKeys * kHead;
      const uint from = (key * kv_heads + kv_head) * kHead;
      float dot = 0.0;
      for (uint c = 0; c < kHead; c += 16)
        [[unroll]] for (uint each = 0; each < 16; ++each)
          if (kHead % 16 == 0 || c + each < kHead)
            dot = fma(rows[row + c + each], load(k, from + c + each, kDTypeK), dot);
      p[e] = dot * scale;
    }
    barrier();
    if (t < kQueries) {
      const uvec2 range = visible(min(first + t, last_query));
      const uint from = max(range.x, k0) - k0, to = min(range.y, k0 + kKeys) - min(k0, range.y);
      float most = largest[t];
      for (uint j = from; j < to; ++j) most = p[t * kKeys + j] > most ? p[t * kKeys + j] : most;
      const float shrink = exp_of_nonpositive(largest[t] - most);
      float of_block = 0.0;
      for (uint j = 0; j < kKeys; ++j) {
        const float s = p[t * kKeys + j];
        float weight = 0.0;
        if (from <= j && j < to) weight = s <= most ? exp_of_nonpositive(s - most) : s;  // NaN stays
        p[t * kKeys + j] = weight;
        of_block += weight;
      }
      total[t] = fma(total[t], shrink, of_block);
      largest[t] = most;
      factor[t] = shrink;
    }
    barrier();
    const uint count = min(kKeys, end - k0);
    [[unroll]] for (uint c = 0; c < kColumns; ++c) {
      const uint column = min(t + 64 * c, kHead - 1);
      [[unroll]] for (uint i = 0; i < kQueries; ++i) sum[i * kColumns + c] *= factor[i];
      for (uint j0 = 0; j0 < count; j0 += 2)
        [[unroll]] for (uint each = 0; each < 2; ++each) {
          const uint j = j0 + each;
          if (j < count) {
            const float value = load(v, ((k0 + j) * kv_heads + kv_head) * kHead + column, kDTypeV);
            [[unroll]] for (uint i = 0; i < kQueries; ++i)
              sum[i * kColumns + c] = fma(p[i * kKeys + j], value, sum[i * kColumns + c]);
          }
        }
    }
  }
  barrier();
  for (uint c = 0; c < kColumns; ++c)
    for (uint i = 0; i < kQueries; ++i) {
      const uint column = t + 64 * c, query = first + i;
      if (column < kHead && query < queries)
        store(y, (query * heads + head) * kHead + column, kDTypeY,
              total[i] == 0.0 ? 0.0 : sum[i * kColumns + c] / total[i]);
    }
}
