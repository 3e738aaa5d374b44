#include "generate/init_picture.h"

#include <algorithm>
#include <utility>

#include "core/machine.h"
#include "image/flatten.h"
#include "image/picture_format.h"
#include "image/resize.h"

namespace newbie {

size_t memory_left_for_pictures(size_t budget_bytes) {
  if (budget_bytes == 0) return available_memory_bytes();
  return budget_bytes - std::min(budget_bytes, resident_bytes());
}

namespace {

Image in_srgb(DecodedPicture picture, std::string_view where, Log& log) {
  if (const std::string problem = to_srgb(picture.image, picture.colours); !problem.empty())
    log.warn("{}: {}", where, problem);
  return std::move(picture.image);
}

}  // namespace

Image read_start_picture(const std::filesystem::path& path, size_t memory_bytes, Log& log) {
  return in_srgb(read_picture(path, {.max_memory_bytes = memory_bytes}), path.string(), log);
}

Image decode_start_picture(std::span<const std::byte> bytes, std::string_view where, size_t memory_bytes, Log& log) {
  return in_srgb(decode_picture(bytes, where, {.max_memory_bytes = memory_bytes}), where, log);
}

std::optional<InitPicture> init_picture(const GenerateRequest& r, PictureSize size) {
  if (!r.init_image) return std::nullopt;
  const int width = static_cast<int>(size.width), height = static_cast<int>(size.height);
  InitPicture out{.picture = resize_lanczos(flatten(*r.init_image, 255), width, height)};
  if (r.mask) out.mask = resize_bilinear(mask_of(*r.mask), width, height);
  return out;
}

void latent_mask(const Image& mask, int64_t downscale, std::span<float> out) {
  const auto side = static_cast<size_t>(downscale), width = static_cast<size_t>(mask.width);
  const size_t columns = width / side;
  const float whole = 255.0f * static_cast<float>(side * side);
  for (size_t i = 0; i < out.size(); ++i) {
    const size_t top = i / columns * side, left = i % columns * side;
    uint64_t sum = 0;
    for (size_t y = 0; y < side; ++y)
      for (size_t x = 0; x < side; ++x) sum += mask.pixels[((top + y) * width + left + x) * 3];
    out[i] = static_cast<float>(sum) / whole;
  }
}

void restore_pixels(const InitPicture& init, Image& drawn) {
  for (size_t i = 0; i < drawn.pixels.size(); ++i) {
    const unsigned m = init.mask->pixels[i];
    drawn.pixels[i] = static_cast<uint8_t>((drawn.pixels[i] * m + init.picture.pixels[i] * (255 - m) + 127) / 255);
  }
}

}  // namespace newbie
