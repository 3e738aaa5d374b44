#include "models/flux_vae/config.h"

namespace newbie {

FluxVaeConfig flux_vae_config(const ConfigSource& source) {
  const std::string& where = source.where;
  FluxVaeConfig c;
  for (int64_t level = 0;; ++level) {
    const auto shape = source.shape(fmt::format("encoder.down_blocks.{}.resnets.0.conv2.weight", level));
    if (!shape || shape->rank() != 4) break;
    c.channels.push_back((*shape)[0]);
  }
  if (c.channels.empty() || c.channels.size() > 8)
    fail_with_hint(ErrorKind::BadFile, "NewBie-image uses the FLUX.1 autoencoder",
                   "{}: expected an autoencoder's encoder.down_blocks, found {} levels", where, c.channels.size());
  c.encoder_blocks = source.count("encoder.down_blocks.0.resnets.", ".conv1.weight");
  c.latent_channels = source.require("decoder.conv_in.weight", 4)[1];
  if (source.shape("post_quant_conv.weight"))
    fail_with_hint(ErrorKind::BadFile, "NewBie-image uses the FLUX.1 autoencoder (16 latent channels)",
                   "{}: has a post_quant_conv and {} latent channels: this looks like the autoencoder of Stable "
                   "Diffusion 1.x, 2.x or XL",
                   where, c.latent_channels);
  c.groups = static_cast<int64_t>(config_number(source.json, "norm_num_groups", 32, 1, 4096, where));
  for (int64_t channels : c.channels)
    if (channels % c.groups != 0)
      fail(ErrorKind::BadFile, "{}: {} channels do not divide into {} norm groups", where, channels, c.groups);
  c.scaling_factor = config_number(source.json, "scaling_factor", c.scaling_factor, 1e-6, 1e6, where);
  c.shift_factor = config_number(source.json, "shift_factor", c.shift_factor, -1e6, 1e6, where);
  c.sample_size = static_cast<int64_t>(config_number(source.json, "sample_size", 1024, 16, 65536, where));
  return c;
}

}  // namespace newbie
