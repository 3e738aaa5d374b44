// Scaled dot-product attention with grouped keys and values, and the plain ops it is made of.
#pragma once

#include "graph/graph.h"

namespace newbie {

extern const OpDef attention_op, batched_matmul_op, batched_outer_op, attention_softmax_op,
    attention_softmax_gradient_op;

// Which keys a query may see. `window` 0 means all keys; otherwise only the last `window` keys up to the query's own
// position (causal) count.
struct AttentionMask {
  bool causal = false;
  int64_t window = 0;
};

// q [S, heads · D], k and v [T, kv_heads · D] -> [S, heads · D]. Query head j reads kv head j div (heads / kv_heads).
// softmax(scale · q kᵀ + mask) v, softmax in f32.
Value attention(Value q, Value k, Value v, int64_t heads, int64_t kv_heads, double scale, AttentionMask mask = {});

// The keys [first, last) that query row i of S sees among T keys; S == T when causal.
struct KeyRange {
  int64_t first, last;
};
inline KeyRange visible_keys(int64_t row, int64_t keys, bool causal, int64_t window) {
  const int64_t last = causal ? (row + 1 < keys ? row + 1 : keys) : keys;
  const int64_t first = causal && window > 0 && last > window ? last - window : 0;
  return {first, last};
}

// a [A, S, K] · b [B, K, T] -> [A, S, T], or with transpose_b: b [B, T, K]. A is a multiple of B: a's batch i reads b's
// i div (A / B).
Value batched_matmul(Value a, Value b, bool transpose_b);

// a [B, R, K], b [B, R, N] -> [B, K, N]: in each batch the sum over rows of a[r]ᵀ b[r].
Value batched_outer(Value a, Value b);

// scores [H, S, T] -> softmax over the visible keys of scale · scores; masked entries are 0.
Value attention_softmax(Value scores, double scale, AttentionMask mask);

// p and dp [H, S, T] -> scale · p ⊙ (dp − Σ over keys of p ⊙ dp): the gradient of the scores behind p.
Value attention_softmax_gradient(Value p, Value dp, double scale);

}  // namespace newbie
