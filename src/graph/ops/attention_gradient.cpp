#include "graph/ops/attention_gradient.h"

#include <algorithm>

#include "graph/ops/attention.h"
#include "graph/ops/movement.h"

namespace newbie {

namespace {

// [S, heads · D] -> [kv_heads, heads / kv_heads · S, D]: query heads that share keys are one batch of more rows, so
// that sums over them are part of the products.
Value by_kv_head(Value x, int64_t heads, int64_t kv_heads) {
  const int64_t rows = x.shape()[0], d = x.shape()[1] / heads;
  return reshape(permute(reshape(x, {rows, heads, d}), {1, 0, 2}), {kv_heads, heads / kv_heads * rows, d});
}

// Back: [kv_heads · …, D] -> [S, heads · D].
Value by_rows(Value x, int64_t heads, int64_t rows) {
  const int64_t d = x.shape().last();
  return reshape(permute(reshape(x, {heads, rows, d}), {1, 0, 2}), {rows, heads * d});
}

// Kv heads below each other, as rows.
void append(Value& all, Value part) {
  part = reshape(part, {part.shape().rows(), part.shape().last()});
  all = all ? concat_rows(all, part) : part;
}

}  // namespace

Gradients attention_gradients(const GradientCall& call, Value dy, int64_t most_scores) {
  const int64_t heads = call.attrs.integer("heads"), kv_heads = call.attrs.integer("kv_heads");
  const double scale = call.attrs.real("scale");
  const AttentionMask mask{call.attrs.integer("causal") != 0, call.attrs.integer("window")};
  const int64_t share = heads / kv_heads, queries = call.inputs[0].shape()[0], keys = call.inputs[1].shape()[0];
  const int64_t rows = share * queries;
  const Value q = by_kv_head(call.inputs[0], heads, kv_heads), k = by_kv_head(call.inputs[1], kv_heads, kv_heads),
              v = by_kv_head(call.inputs[2], kv_heads, kv_heads), d_out = by_kv_head(dy, heads, kv_heads);

  const int64_t together = std::clamp<int64_t>(most_scores / std::max<int64_t>(1, rows * keys), 1, kv_heads);
  Value dq, dk, dv;
  for (int64_t first = 0; first < kv_heads; first += together) {
    const int64_t n = std::min(together, kv_heads - first);
    const auto group = [&](Value x) { return n == kv_heads ? x : slice_rows(x, first, first + n); };
    const Value qg = group(q), kg = group(k), d_out_g = group(d_out);
    const Value scores = reshape(batched_matmul(qg, kg, true), {n * share, queries, keys});
    const Value p = attention_softmax(scores, scale, mask);
    const Value dp = reshape(batched_matmul(d_out_g, group(v), true), {n * share, queries, keys});
    const Value d_scores = reshape(attention_softmax_gradient(p, dp, scale), {n, rows, keys});
    append(dq, batched_matmul(d_scores, kg, false));
    append(dk, batched_outer(d_scores, qg));
    append(dv, batched_outer(reshape(p, {n, rows, keys}), d_out_g));
  }
  return {by_rows(dq, heads, queries), by_rows(dk, kv_heads, keys), by_rows(dv, kv_heads, keys)};
}

}  // namespace newbie
