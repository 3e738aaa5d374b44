#include "models/next_dit/graph.h"

#include <cmath>
#include <functional>

#include "graph/ops/all.h"
#include "models/rope_tables.h"

namespace newbie {

namespace {

// The picture's side of one step: latent size in tokens.
struct Grid {
  int64_t caption_tokens, rows, columns;
  int64_t tokens() const { return rows * columns; }
};

Grid grid_of(const NextDitConfig& c, int64_t caption_tokens, int64_t height, int64_t width) {
  const Grid grid{caption_tokens, height / c.patch, width / c.patch};
  if (grid.rows < 1 || grid.columns < 1 || grid.rows * c.patch != height || grid.columns * c.patch != width)
    fail(ErrorKind::InvalidRequest, "latent size {}x{} is not a multiple of the patch size {}", width, height, c.patch);
  return grid;
}

// Tokens of a table: caption tokens are at (j, 0, 0), those of the picture behind all of them at (caption, row,
// column).
RopeAxes axes(const NextDitConfig& c, const Grid& grid) {
  RopeAxes out{.extents = {grid.caption_tokens + 1, grid.rows, grid.columns}, .angles = {}};
  // Angle of pair k on an axis of n components: position · base^(−2k/n), in double, rounded once (§6).
  for (size_t axis = 0; axis < out.extents.size(); ++axis) {
    const auto n = static_cast<double>(c.rope_axes[axis]);
    for (int64_t at = 0; at < out.extents[axis]; ++at)
      for (int64_t k = 0; k < c.rope_axes[axis] / 2; ++k)
        out.angles[axis].push_back(
            static_cast<float>(static_cast<double>(at) * std::pow(c.rope_base, -2.0 * static_cast<double>(k) / n)));
  }
  return out;
}

RopeTables caption_rope(Graph& g, const NextDitConfig& c, int64_t caption_tokens) {
  return rope_tables(g, caption_tokens, axes(c, {caption_tokens, 1, 1}), [](int64_t token) {
    return RopePosition{token, 0, 0};
  });
}

RopePosition picture_position(const Grid& grid, int64_t token) {
  return {grid.caption_tokens, token / grid.columns, token % grid.columns};
}

RopeTables picture_rope(Graph& g, const NextDitConfig& c, const Grid& grid) {
  return rope_tables(g, grid.tokens(), axes(c, grid), [grid](int64_t token) { return picture_position(grid, token); });
}

RopeTables joint_rope(Graph& g, const NextDitConfig& c, const Grid& grid) {
  return rope_tables(g, grid.caption_tokens + grid.tokens(), axes(c, grid), [grid](int64_t token) {
    return token < grid.caption_tokens ? RopePosition{token, 0, 0}
                                       : picture_position(grid, token - grid.caption_tokens);
  });
}

Value attention(const Scope& s, Value u, const RopeTables& table, const NextDitConfig& c) {  // [S, C] -> [S, C]
  const int64_t q_width = c.heads * c.head_size, kv_width = c.kv_heads * c.head_size;
  const Value qkv = linear(s / "qkv", u, q_width + 2 * kv_width, false);
  Value q = slice_columns(qkv, 0, q_width);
  Value k = slice_columns(qkv, q_width, q_width + kv_width);
  const Value v = slice_columns(qkv, q_width + kv_width, q_width + 2 * kv_width);
  q = rope(rms_norm(s / "q_norm", q, c.head_size, c.qk_norm_eps), table.cos, table.sin, RopeLayout::Interleaved);
  k = rope(rms_norm(s / "k_norm", k, c.head_size, c.qk_norm_eps), table.cos, table.sin, RopeLayout::Interleaved);
  const Value o = attention(q, k, v, c.heads, c.kv_heads, 1.0 / std::sqrt(static_cast<double>(c.head_size)));
  return s.result(linear(s / "out", o, c.dim, false));
}

Value feed_forward(const Scope& s, Value x, const NextDitConfig& c) {  // [S, C] -> [S, C]
  const Value gate = linear(s / "w1", x, c.ffn, false), up = linear(s / "w3", x, c.ffn, false);
  return s.result(linear(s / "w2", swiglu(gate, up), c.dim, false));
}

// Scale before and gate after each branch, [1, C] each; empty in context blocks.
struct Modulation {
  Value scale_attn, gate_attn, scale_mlp, gate_mlp;
};

Modulation modulation(const Scope& s, Value activated, const NextDitConfig& c) {
  const Value m = reshape(s.result(linear(s / "1", activated, 4 * c.dim, true)), {4, c.dim});
  return {slice_rows(m, 0, 1), slice_rows(m, 1, 2), slice_rows(m, 2, 3), slice_rows(m, 3, 4)};
}

Value block(const Scope& s, Value x, const RopeTables& table, const Modulation& m, const NextDitConfig& c) {
  const auto scaled = [&](Value v, Value scale) { return scale ? modulate(v, scale) : v; };
  const auto residual = [&](Value sum, Value branch, Value gate) {
    return gate ? gated_residual(sum, branch, gate) : add(sum, branch);
  };
  const auto norm = [&](std::string_view name, Value v) { return rms_norm(s / name, v, c.dim, c.norm_eps); };

  const Value a = attention(s / "attention", scaled(norm("attention_norm1", x), m.scale_attn), table, c);
  x = residual(x, norm("attention_norm2", a), m.gate_attn);
  const Value f = feed_forward(s / "feed_forward", scaled(norm("ffn_norm1", x), m.scale_mlp), c);
  return s.result(residual(x, norm("ffn_norm2", f), m.gate_mlp));
}

// The vector that modulates every block: time and pooled text (§4).
Value conditioning(const Scope& root, Value time, Value pooled, const NextDitConfig& c) {
  const Scope t = root / "t_embedder";
  Value tau = linear(t / "mlp.0", timestep_embedding(time, c.time_width), c.conditioning, true);
  tau = t.result(linear(t / "mlp.2", silu(tau), c.conditioning, true));
  const Scope p = root / "clip_text_pooled_proj";
  const Value row = reshape(pooled, {1, c.pooled_width});
  const Value text =
      p.result(linear(p / "1", rms_norm(p / "0", row, c.pooled_width, c.pooled_norm_eps), c.pooled_width, true));
  const Value both = concat_rows(reshape(tau, {c.conditioning, 1}), reshape(text, {c.pooled_width, 1}));
  const Scope e = root / "time_text_embed";
  return e.result(linear(e / "1", silu(reshape(both, {1, c.conditioning + c.pooled_width})), c.conditioning, true));
}

// What enters the joint layers: caption and picture tokens, and the vector that modulates every block.
struct Entry {
  Value stream, activated;
};

// `context` may be made of inputs; the step's own come behind those.
Entry enter(const Scope& root, const NextDitConfig& c, const Grid& grid, const std::function<Value()>& context) {
  Graph& g = root.graph();
  const int64_t p = c.patch, channels = c.latent_channels, patch_width = p * p * channels;
  const Value latent = g.input("latent", {channels, grid.rows * p, grid.columns * p});
  const Value time = g.input("time", {1});
  const Value from_caption = context();
  const Value pooled = g.input("pooled", {c.pooled_width});

  const Value activated = silu(conditioning(root, time, pooled, c));

  // patch[row, col][(dy·p + dx)·channels + ch] = latent[ch][p·row + dy][p·col + dx]
  const Value patches = reshape(permute(reshape(latent, {channels, grid.rows, p, grid.columns, p}), {1, 3, 2, 4, 0}),
                                {grid.tokens(), patch_width});
  Value x = linear(root / "x_embedder", patches, c.dim, true);
  const RopeTables table = picture_rope(g, c, grid);
  for (int64_t i = 0; i < c.refiner_layers; ++i) {
    const Scope s = root / "noise_refiner" / i;
    x = block(s, x, table, modulation(s / "adaLN_modulation", activated, c), c);
  }
  return {concat_rows(from_caption, x), activated};
}

Entry enter(const Scope& root, const NextDitConfig& c, const Grid& grid) {
  return enter(root, c, grid, [&] { return root.graph().input("context", {grid.caption_tokens, c.dim}); });
}

// Caption tokens after cap_embedder and context_refiner.
Value context(const Scope& root, const NextDitConfig& c, int64_t caption_tokens) {
  Graph& g = root.graph();
  const Value caption = g.input("caption", {caption_tokens, c.caption_width});
  const Scope embedder = root / "cap_embedder";
  Value y = embedder.result(
      linear(embedder / "1", rms_norm(embedder / "0", caption, c.caption_width, c.norm_eps), c.dim, true));
  const RopeTables table = caption_rope(g, c, caption_tokens);
  for (int64_t i = 0; i < c.refiner_layers; ++i) y = block(root / "context_refiner" / i, y, table, {}, c);
  return y;
}

// The joint layers [first, last).
Value layers(const Scope& root, Value z, Value activated, const NextDitConfig& c, const Grid& grid, int64_t first,
             int64_t last) {
  const RopeTables table = joint_rope(root.graph(), c, grid);
  for (int64_t i = first; i < last; ++i) {
    const Scope s = root / "layers" / i;
    z = block(s, z, table, modulation(s / "adaLN_modulation", activated, c), c);
  }
  return z;
}

// Only image rows are wanted from here on.
void leave(const Scope& root, Value z, Value activated, const NextDitConfig& c, const Grid& grid) {
  const int64_t p = c.patch, channels = c.latent_channels;
  z = slice_rows(z, grid.caption_tokens, grid.caption_tokens + grid.tokens());
  const Scope final = root / "final_layer";
  const Value scale = linear(final / "adaLN_modulation.1", activated, c.dim, true);
  const Value y = linear(final / "linear", modulate(layer_norm(z, c.final_norm_eps), scale), p * p * channels, true);
  root.graph().output("velocity",
                      reshape(permute(reshape(y, {grid.rows, grid.columns, p, p, channels}), {4, 0, 2, 1, 3}),
                              {channels, grid.rows * p, grid.columns * p}));
}

}  // namespace

Graph next_dit_context(const NextDitConfig& c, int64_t caption_tokens) {
  Graph g;
  g.output("context", context(Scope(g), c, caption_tokens));
  return g;
}

Graph next_dit_step(const NextDitConfig& c, int64_t caption_tokens, int64_t height, int64_t width) {
  const Grid grid = grid_of(c, caption_tokens, height, width);
  Graph g;
  const Scope root(g);
  const Entry entry = enter(root, c, grid);
  leave(root, layers(root, entry.stream, entry.activated, c, grid, 0, c.layers), entry.activated, c, grid);
  return g;
}

Graph next_dit(const NextDitConfig& c, int64_t caption_tokens, int64_t height, int64_t width) {
  const Grid grid = grid_of(c, caption_tokens, height, width);
  Graph g;
  const Scope root(g);
  const Entry entry = enter(root, c, grid, [&] { return context(root, c, caption_tokens); });
  leave(root, layers(root, entry.stream, entry.activated, c, grid, 0, c.layers), entry.activated, c, grid);
  return g;
}

Graph next_dit_first(const NextDitConfig& c, int64_t caption_tokens, int64_t height, int64_t width) {
  const Grid grid = grid_of(c, caption_tokens, height, width);
  Graph g;
  const Scope root(g);
  const Entry entry = enter(root, c, grid);
  g.output("stream", layers(root, entry.stream, entry.activated, c, grid, 0, 1));
  g.output("activated", entry.activated);
  return g;
}

Graph next_dit_rest(const NextDitConfig& c, int64_t caption_tokens, int64_t height, int64_t width) {
  const Grid grid = grid_of(c, caption_tokens, height, width);
  Graph g;
  const Scope root(g);
  const Value stream = g.input("stream", {caption_tokens + grid.tokens(), c.dim});
  g.output("stream", layers(root, stream, g.input("activated", {1, c.conditioning}), c, grid, 1, c.layers));
  return g;
}

Graph next_dit_last(const NextDitConfig& c, int64_t caption_tokens, int64_t height, int64_t width) {
  const Grid grid = grid_of(c, caption_tokens, height, width);
  Graph g;
  const Value stream = g.input("stream", {caption_tokens + grid.tokens(), c.dim});
  leave(Scope(g), stream, g.input("activated", {1, c.conditioning}), c, grid);
  return g;
}

}  // namespace newbie
