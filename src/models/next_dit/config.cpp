#include "models/next_dit/config.h"

#include "core/printable.h"

namespace newbie {

NextDitConfig next_dit_config(const ConfigSource& source) {
  if (!source.shape("clip_text_pooled_proj.0.weight") && source.shape("cap_embedder.1.weight"))
    fail_with_hint(ErrorKind::BadFile, "use a NewBie-image checkpoint",
                   "{}: has no clip_text_pooled_proj: this looks like Lumina-Image 2.0 or Z-Image, not NewBie-image",
                   source.where);

  NextDitConfig c;
  const Shape x_embedder = source.require("x_embedder.weight", 2);
  const Shape caption = source.require("cap_embedder.1.weight", 2);
  const Shape q_norm = source.require("layers.0.attention.q_norm.weight", 1);
  const Shape qkv = source.require("layers.0.attention.qkv.weight", 2);
  const Shape time = source.require("t_embedder.mlp.0.weight", 2);
  c.dim = x_embedder[0];
  c.layers = source.count("layers.", ".attention.qkv.weight");
  c.refiner_layers = source.count("noise_refiner.", ".attention.qkv.weight");
  if (source.count("context_refiner.", ".attention.qkv.weight") != c.refiner_layers)
    fail(ErrorKind::BadFile, "{}: {} noise refiner layers but {} context refiner layers", source.where,
         c.refiner_layers, source.count("context_refiner.", ".attention.qkv.weight"));
  c.head_size = q_norm[0];
  c.heads = c.dim / c.head_size;
  c.kv_heads = (qkv[0] / c.head_size - c.heads) / 2;
  if (c.heads * c.head_size != c.dim || c.kv_heads < 1 || (c.heads + 2 * c.kv_heads) * c.head_size != qkv[0] ||
      c.heads % c.kv_heads != 0)
    fail(ErrorKind::BadFile, "{}: attention.qkv {} does not fit width {} and head size {}", source.where, qkv.str(),
         c.dim, c.head_size);
  c.ffn = source.require("layers.0.feed_forward.w1.weight", 2)[0];
  c.conditioning = time[0];
  c.time_width = time[1];
  if (c.time_width % 2 != 0)
    fail(ErrorKind::BadFile, "{}: t_embedder.mlp.0 {} does not fit pairs of sines and cosines", source.where,
         time.str());
  c.caption_width = caption[1];
  c.pooled_width = source.require("clip_text_pooled_proj.0.weight", 1)[0];

  c.patch = static_cast<int64_t>(config_number(source.json, "patch_size", 2, 1, 16, source.where));
  c.latent_channels = x_embedder[1] / (c.patch * c.patch);
  if (c.latent_channels * c.patch * c.patch != x_embedder[1])
    fail(ErrorKind::BadFile, "{}: x_embedder {} does not fit patch size {}", source.where, x_embedder.str(), c.patch);
  c.norm_eps = config_number(source.json, "norm_eps", c.norm_eps, 0, 1, source.where);

  c.rope_axes = {32, 32, 32};
  for (const char* key : {"axes_dims", "axes_dim_rope"}) {  // diffusers has its own word
    if (!source.json.is_object() || !source.json.contains(key)) continue;
    const Json& axes = source.json.at(key);
    if (!axes.is_array() || axes.size() != 3)
      fail(ErrorKind::BadFile, "{}: {} must be three numbers, got {}", source.where, key, in_quotes(axes.dump()));
    for (size_t i = 0; i < 3; ++i) {
      if (!axes[i].is_number_integer())
        fail(ErrorKind::BadFile, "{}: {} must be three numbers, got {}", source.where, key, in_quotes(axes.dump()));
      c.rope_axes[i] = axes[i].get<int64_t>();
    }
    break;
  }
  int64_t total = 0;
  for (int64_t axis : c.rope_axes) {
    if (axis <= 0 || axis % 2 != 0 || axis > 4096)
      fail(ErrorKind::BadFile, "{}: axes_dims must be even and positive, got {}", source.where, axis);
    total += axis;
  }
  if (total != c.head_size)
    fail_with_hint(ErrorKind::BadFile, "a single file needs its config in the metadata, or a config.json beside it",
                   "{}: axes_dims sum to {}, the head size is {}", source.where, total, c.head_size);
  return c;
}

}  // namespace newbie
