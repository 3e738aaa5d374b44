// The picture a request starts from, and the mask of what is repainted: brought to size, and put back at the end.
#pragma once

#include <optional>
#include <span>

#include "generate/request.h"

namespace newbie {

struct InitPicture {
  Image picture;              // RGB of the request's size
  std::optional<Image> mask;  // the same size, RGB with equal channels: 255 is repainted
};

// Resized (Lanczos; the mask with triangles) and freed of alpha: white behind the picture, black behind the mask.
// Nothing when the request starts from noise.
std::optional<InitPicture> init_picture(const GenerateRequest& request, PictureSize size);

// Means of the mask over squares of `downscale` pixels, 0…1, into [height / downscale, width / downscale].
void latent_mask(const Image& mask, int64_t downscale, std::span<float> out);

// Puts the kept part back over a drawn picture: exactly where the mask is 0, blended where it is between.
void restore_pixels(const InitPicture& init, Image& drawn);

}  // namespace newbie
