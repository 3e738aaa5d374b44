#include "measure/full_size.h"

namespace newbie {

ModelSizes full_size() {
  ModelSizes m;
  m.transformer = {.dim = 2304,
                   .layers = 36,
                   .refiner_layers = 2,
                   .heads = 24,
                   .kv_heads = 8,
                   .head_size = 96,
                   .ffn = 9216,
                   .conditioning = 1024,
                   .caption_width = 2560,
                   .pooled_width = 1024,
                   .time_width = 256,
                   .latent_channels = 16,
                   .rope_axes = {32, 32, 32}};
  m.text_encoder = {.vocabulary = 262208,
                    .width = 2560,
                    .layers = 34,
                    .heads = 8,
                    .kv_heads = 4,
                    .head_size = 256,
                    .ffn = 10240,
                    .sliding_window = 1024,
                    .attention_scale = 1.0 / 16};
  for (int64_t layer = 0; layer < m.text_encoder.layers; ++layer)
    m.text_encoder.global.push_back(layer % 6 == 5);  // five local layers, then a global one
  m.clip_model = {.vocabulary = 250002, .width = 1024, .layers = 24, .heads = 16, .ffn = 4096};
  m.vae = {.channels = {128, 256, 512, 512}, .encoder_blocks = 2, .latent_channels = 16};
  return m;
}

}  // namespace newbie
