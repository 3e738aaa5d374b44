#include "models/flux_vae/graph.h"

#include <cmath>

#include "graph/ops/all.h"

namespace newbie {

namespace {

constexpr Padding kSame{1, 1, 1, 1};

Value conv3(const Scope& s, Value x, int64_t out) { return conv2d(s, x, out, 3, 1, kSame); }
Value norm(const Scope& s, Value x, const FluxVaeConfig& c) { return group_norm(s, x, c.groups, c.norm_eps); }

Value resnet(const Scope& s, Value x, int64_t out, const FluxVaeConfig& c) {  // [h, w, I] -> [h, w, out]
  Value h = conv3(s / "conv1", silu(norm(s / "norm1", x, c)), out);
  h = conv3(s / "conv2", silu(norm(s / "norm2", h, c)), out);
  const Value skip = x.shape()[2] == out ? x : conv2d(s / "conv_shortcut", x, out, 1, 1, {});
  return s.result(add(skip, h));
}

Value attention(const Scope& s, Value x, const FluxVaeConfig& c) {  // one head as wide as the picture's channels
  const int64_t height = x.shape()[0], width = x.shape()[1], channels = x.shape()[2];
  const Value y = reshape(norm(s / "group_norm", x, c), {height * width, channels});
  const Value q = linear(s / "to_q", y, channels, true), k = linear(s / "to_k", y, channels, true);
  const Value v = linear(s / "to_v", y, channels, true);
  const Value o = attention(q, k, v, 1, 1, 1.0 / std::sqrt(static_cast<double>(channels)));
  const Value branch = reshape(linear(s / "to_out.0", o, channels, true), x.shape());
  return s.result(add(x, branch));
}

Value mid_block(const Scope& s, Value x, const FluxVaeConfig& c) {
  const int64_t channels = x.shape()[2];
  x = resnet(s / "resnets.0", x, channels, c);
  x = attention(s / "attentions.0", x, c);
  return s.result(resnet(s / "resnets.1", x, channels, c));
}

}  // namespace

Graph flux_vae_decoder(const FluxVaeConfig& c, int64_t height, int64_t width) {
  Graph g;
  const Scope s = Scope(g) / "decoder";
  const Value latent = g.input("latent", {c.latent_channels, height, width});
  Value x = conv3(s / "conv_in", permute(latent, {1, 2, 0}), c.channels.back());
  x = mid_block(s / "mid_block", x, c);
  const auto levels = static_cast<int64_t>(c.channels.size());
  for (int64_t k = 0; k < levels; ++k) {  // up_blocks.0 works at the lowest resolution
    const Scope up = s / "up_blocks" / k;
    const int64_t channels = c.channels[static_cast<size_t>(levels - 1 - k)];
    for (int64_t j = 0; j < c.encoder_blocks + 1; ++j) x = resnet(up / "resnets" / j, x, channels, c);
    if (k + 1 < levels) x = conv3(up / "upsamplers.0.conv", upsample_nearest(x), channels);
    up.result(x);
  }
  g.output("picture", conv3(s / "conv_out", silu(norm(s / "conv_norm_out", x, c)), 3));
  return g;
}

Graph flux_vae_encoder(const FluxVaeConfig& c, int64_t height, int64_t width) {
  Graph g;
  const Scope s = Scope(g) / "encoder";
  Value x = conv3(s / "conv_in", g.input("picture", {height, width, 3}), c.channels.front());
  const auto levels = static_cast<int64_t>(c.channels.size());
  for (int64_t l = 0; l < levels; ++l) {
    const Scope down = s / "down_blocks" / l;
    const int64_t channels = c.channels[static_cast<size_t>(l)];
    for (int64_t j = 0; j < c.encoder_blocks; ++j) x = resnet(down / "resnets" / j, x, channels, c);
    // Zeros at the bottom and right only: the window starts on even rows and columns.
    if (l + 1 < levels) x = conv2d(down / "downsamplers.0.conv", x, channels, 3, 2, {0, 0, 1, 1});
    down.result(x);
  }
  x = mid_block(s / "mid_block", x, c);
  x = conv3(s / "conv_out", silu(norm(s / "conv_norm_out", x, c)), 2 * c.latent_channels);
  g.output("moments", permute(x, {2, 0, 1}));
  return g;
}

}  // namespace newbie
