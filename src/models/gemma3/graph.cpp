#include "models/gemma3/graph.h"

#include <cmath>
#include <optional>

#include "graph/ops/all.h"
#include "models/rope_tables.h"

namespace newbie {

namespace {

Value norm(const Scope& s, Value x, int64_t width, const Gemma3Config& c) {
  return rms_norm(s, x, width, c.norm_eps, 1.0);  // the checkpoint stores w − 1
}

Value split_heads(Value x, int64_t heads) {  // [T, heads · D] -> [heads, T, D]
  return permute(reshape(x, {x.shape()[0], heads, x.shape()[1] / heads}), {1, 0, 2});
}

// softmax(scale · (q kᵀ + bias)) v
Value biased_attention(Value q, Value k, Value v, Value bias, const AttentionMask& mask, const Gemma3Config& c) {
  const Value scores = batched_matmul(split_heads(q, c.heads), split_heads(k, c.kv_heads), true);
  const Value p = attention_softmax(add(scores, bias), c.attention_scale, mask);
  return reshape(permute(batched_matmul(p, split_heads(v, c.kv_heads), false), {1, 0, 2}), q.shape());
}

using KeyBias = std::optional<Value>;

Value attention(const Scope& s, Value h, const RopeTables& table, bool global, const KeyBias& bias,
                const Gemma3Config& c) {
  const auto heads = [&](std::string_view proj, std::string_view qk_norm, int64_t count) {
    const Value x = linear(s / proj, h, count * c.head_size, false);
    return rope(norm(s / qk_norm, x, c.head_size, c), table.cos, table.sin, RopeLayout::HalfSplit);
  };
  const Value q = heads("q_proj", "q_norm", c.heads), k = heads("k_proj", "k_norm", c.kv_heads);
  const Value v = linear(s / "v_proj", h, c.kv_heads * c.head_size, false);
  const AttentionMask mask{.causal = true, .window = global ? 0 : c.sliding_window};
  const Value seen = bias ? biased_attention(q, k, v, *bias, mask, c)
                          : attention(q, k, v, c.heads, c.kv_heads, c.attention_scale, mask);
  return s.result(linear(s / "o_proj", seen, c.width, false));
}

Value mlp(const Scope& s, Value h, const Gemma3Config& c) {
  const Value gate = linear(s / "gate_proj", h, c.ffn, false), up = linear(s / "up_proj", h, c.ffn, false);
  return s.result(linear(s / "down_proj", geglu_tanh(gate, up), c.width, false));
}

Value layer(const Scope& s, Value x, const RopeTables& table, bool global, const KeyBias& bias, const Gemma3Config& c) {
  const Value a = attention(s / "self_attn", norm(s / "input_layernorm", x, c.width, c), table, global, bias, c);
  x = add(x, norm(s / "post_attention_layernorm", a, c.width, c));
  const Value f = mlp(s / "mlp", norm(s / "pre_feedforward_layernorm", x, c.width, c), c);
  return s.result(add(x, norm(s / "post_feedforward_layernorm", f, c.width, c)));
}

Graph features(const Gemma3Config& c, int64_t tokens, bool hides) {
  Graph g;
  const Scope root(g);
  const Value ids = g.input("ids", {tokens}, Element::Index);
  KeyBias bias;
  if (hides) bias = g.input("key_bias", {tokens});
  const Value table = (root / "embed_tokens").weight("weight", {c.vocabulary, c.width});
  Value x = embedding(ids, table, std::sqrt(static_cast<double>(c.width)), "embed_tokens");
  const RopeTables local = sequence_rope(g, tokens, c.head_size, c.rope_local_base);
  const RopeTables global = sequence_rope(g, tokens, c.head_size, c.rope_global_base, c.rope_global_divisor);
  for (int64_t i = 0; i + 1 < c.layers; ++i) {
    const bool is_global = c.global[static_cast<size_t>(i)];
    x = layer(root / "layers" / i, x, is_global ? global : local, is_global, bias, c);
  }
  g.output("features", x);
  return g;
}

}  // namespace

Graph gemma3_features(const Gemma3Config& c, int64_t tokens) { return features(c, tokens, false); }
Graph gemma3_features_with_hidden(const Gemma3Config& c, int64_t tokens) { return features(c, tokens, true); }

}  // namespace newbie
