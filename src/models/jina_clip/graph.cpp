#include "models/jina_clip/graph.h"

#include <cmath>

#include "graph/ops/all.h"
#include "models/rope_tables.h"

namespace newbie {

namespace {

// ---- text: XLM-R with rotary positions, post-norm ----

Value mixer(const Scope& s, Value x, const RopeTables& table, const JinaTextConfig& c) {
  const Value qkv = linear(s / "Wqkv", x, 3 * c.width, true);
  const auto part = [&](int64_t i) { return slice_columns(qkv, i * c.width, (i + 1) * c.width); };
  const Value q = rope(part(0), table.cos, table.sin, RopeLayout::HalfSplit);
  const Value k = rope(part(1), table.cos, table.sin, RopeLayout::HalfSplit);
  const double scale = 1.0 / std::sqrt(static_cast<double>(c.width / c.heads));
  return linear(s / "out_proj", attention(q, k, part(2), c.heads, c.heads, scale), c.width, true);
}

Value text_layer(const Scope& s, Value x, const RopeTables& table, const JinaTextConfig& c) {
  const Value h = layer_norm(s / "norm1", add(x, mixer(s / "mixer", x, table, c)), c.norm_eps);
  const Scope m = s / "mlp";
  const Value f = linear(m / "fc2", gelu_erf(linear(m / "fc1", h, c.ffn, true)), c.width, true);
  return s.result(layer_norm(s / "norm2", add(h, f), c.norm_eps));
}

// ---- vision: EVA-02, pre-norm, sub-norms inside attention and MLP ----

// Interleaved 2-D RoPE: the first half of a head by row, the second by column; the class token is not rotated (§4.4).
RopeTables vision_rope(Graph& g, const JinaVisionConfig& c) {
  const int64_t grid = c.image_size / c.patch, half = c.width / c.heads / 2;
  std::vector<float> frequencies;
  for (int64_t k = 0; k < half; k += 2)
    frequencies.push_back(std::pow(static_cast<float>(c.rope_base), -static_cast<float>(k) / static_cast<float>(half)));
  std::vector<float> angles(static_cast<size_t>(half), 0.0f);
  const auto coordinate = [&](int64_t i) { return static_cast<float>(i * c.base_grid) / static_cast<float>(grid); };
  for (int64_t r = 0; r < grid; ++r)
    for (int64_t col = 0; col < grid; ++col) {
      for (float f : frequencies) angles.push_back(coordinate(r) * f);
      for (float f : frequencies) angles.push_back(coordinate(col) * f);
    }
  return rope_tables(g, grid * grid + 1, angles);
}

Value vision_attention(const Scope& s, Value y, const RopeTables& table, const JinaVisionConfig& c) {
  const Shape square{c.width, c.width};
  const auto project = [&](const char* name, Value bias) {
    return linear(y, (s / name).weight("weight", square), bias, (s / name).path());
  };
  const Value q = rope(project("q_proj", s.weight("q_bias", {c.width})), table.cos, table.sin, RopeLayout::Interleaved);
  const Value k = rope(project("k_proj", {}), table.cos, table.sin, RopeLayout::Interleaved);
  const Value v = project("v_proj", s.weight("v_bias", {c.width}));
  const Value o = attention(q, k, v, c.heads, c.heads, 1.0 / std::sqrt(static_cast<double>(c.width / c.heads)));
  return linear(s / "proj", layer_norm(s / "inner_attn_ln", o, c.norm_eps), c.width, true);
}

Value vision_mlp(const Scope& s, Value y, const JinaVisionConfig& c) {
  const Value u = swiglu(linear(s / "w1", y, c.ffn, true), linear(s / "w2", y, c.ffn, true));
  return linear(s / "w3", layer_norm(s / "ffn_ln", u, c.norm_eps), c.width, true);
}

}  // namespace

Graph jina_text(const JinaTextConfig& c, int64_t tokens) {
  Graph g;
  const Scope root = Scope(g) / "text_model.transformer.roberta";
  const Value ids = g.input("ids", {tokens}, Element::Index);
  const Scope e = root / "embeddings";
  const Value words = embedding(ids, (e / "word_embeddings").weight("weight", {c.vocabulary, c.width}), 1.0,
                                (e / "word_embeddings").path());
  const Value type = (e / "token_type_embeddings").weight("weight", {1, c.width});
  Value x = layer_norm(root / "emb_ln", add(words, type), c.norm_eps);
  const RopeTables table = sequence_rope(g, tokens, c.width / c.heads, c.rope_base);
  for (int64_t i = 0; i < c.layers; ++i) x = text_layer(root / "encoder.layers" / i, x, table, c);
  g.output("pooled", mean_rows(x));
  return g;
}

Graph jina_vision(const JinaVisionConfig& c) {
  Graph g;
  const Scope root = Scope(g) / "vision_model";
  const int64_t grid = c.image_size / c.patch, tokens = grid * grid + 1;
  const Value pixels = g.input("pixels", {c.image_size, c.image_size, 3});
  const Value patches = conv2d(root / "patch_embed.proj", pixels, c.width, c.patch, c.patch, {});
  const Value cls = reshape(root.weight("cls_token", {1, 1, c.width}), {1, c.width});
  const Value positions = reshape(root.weight("pos_embed", {1, tokens, c.width}), {tokens, c.width});
  Value x = add(concat_rows(cls, reshape(patches, {tokens - 1, c.width})), positions);
  const RopeTables table = vision_rope(g, c);
  for (int64_t i = 0; i < c.layers; ++i) {
    const Scope s = root / "blocks" / i;
    x = add(x, vision_attention(s / "attn", layer_norm(s / "norm1", x, c.norm_eps), table, c));
    x = s.result(add(x, vision_mlp(s / "mlp", layer_norm(s / "norm2", x, c.norm_eps), c)));
  }
  g.output("image", layer_norm(root / "norm", slice_rows(x, 0, 1), c.norm_eps));
  return g;
}

}  // namespace newbie
