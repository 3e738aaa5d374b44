// What the official trainer left beside the pictures: latents and text features (spec/training.md §2). Its latents lack
// the autoencoder's shift, which is taken off here. Nothing in these files says of which picture, caption or size they
// are: who asks for them knows.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/log.h"
#include "core/shape.h"

namespace newbie {

struct OfficialLatent {
  std::string content;  // SHA-256 of the file
  std::vector<float> values;
};
// Of "a.png.safetensors" for a.png; `offset` is scaling_factor · shift_factor. Nothing when there is none; nothing and
// a warning when its shape is another, or a number in it is none.
std::optional<OfficialLatent> read_official_latent(const std::filesystem::path& picture, const Shape& shape,
                                                   double offset, Log& log);

struct OfficialText {
  std::string content;
  int64_t tokens = 0;                   // its padding is taken away
  std::vector<float> features, pooled;  // [tokens, width], [pooled width]
};
// Of "a.txt.safetensors". The same.
std::optional<OfficialText> read_official_text(const std::filesystem::path& picture, int64_t width,
                                               int64_t pooled_width, Log& log);

}  // namespace newbie
