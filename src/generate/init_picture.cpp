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

std::span<const Named<InitFit>> init_fits() {
  static constexpr Named<InitFit> kFits[] = {
      {InitFit::Crop, "crop"}, {InitFit::Pad, "pad"}, {InitFit::Stretch, "stretch"}};
  return kFits;
}

namespace {

using Resize = Image (*)(const Image& image, int width, int height);

// The sides of width : height that the whole of `limit_width` x `limit_height` has room for.
PictureSize inside(int64_t width, int64_t height, int64_t limit_width, int64_t limit_height) {
  if (limit_width * height <= limit_height * width)
    return {limit_width, std::max<int64_t>(1, (limit_width * height + width / 2) / width)};
  return {std::max<int64_t>(1, (limit_height * width + height / 2) / height), limit_height};
}

// `image` in the middle of width x height; around it its outermost pixels go on, or `fill` where that is given.
Image padded(const Image& image, int width, int height, std::optional<uint8_t> fill) {
  Image out{.width = width, .height = height, .channels = image.channels, .pixels = {}};
  const auto channels = static_cast<size_t>(image.channels);
  out.pixels.resize(static_cast<size_t>(width) * static_cast<size_t>(height) * channels);
  const int left = (width - image.width) / 2, top = (height - image.height) / 2;
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const int from_x = std::clamp(x - left, 0, image.width - 1), from_y = std::clamp(y - top, 0, image.height - 1);
      const bool is_outside = from_x != x - left || from_y != y - top;
      const uint8_t* from =
          &image.pixels[(static_cast<size_t>(from_y) * static_cast<size_t>(image.width) + static_cast<size_t>(from_x)) *
                        channels];
      uint8_t* to =
          &out.pixels[(static_cast<size_t>(y) * static_cast<size_t>(width) + static_cast<size_t>(x)) * channels];
      for (size_t c = 0; c < channels; ++c) to[c] = is_outside && fill ? *fill : from[c];
    }
  return out;
}

Image fitted(const Image& image, PictureSize size, InitFit fit, Resize resize, std::optional<uint8_t> fill) {
  const int width = static_cast<int>(size.width), height = static_cast<int>(size.height);
  if (fit == InitFit::Crop) {
    const PictureSize middle = inside(size.width, size.height, image.width, image.height);
    return resize(center_crop(image, static_cast<int>(middle.width), static_cast<int>(middle.height)), width, height);
  }
  if (fit == InitFit::Pad) {
    const PictureSize whole = inside(image.width, image.height, size.width, size.height);
    return padded(resize(image, static_cast<int>(whole.width), static_cast<int>(whole.height)), width, height, fill);
  }
  return resize(image, width, height);
}

}  // namespace

bool has_other_proportions(const Image& image, PictureSize size) {
  const PictureSize middle = inside(size.width, size.height, image.width, image.height);
  return middle.width < image.width - 1 || middle.height < image.height - 1;  // a pixel is rounding
}

std::optional<InitPicture> init_picture(const GenerateRequest& r, PictureSize size) {
  if (!r.init_image) return std::nullopt;
  InitPicture out{.picture = fitted(flatten(*r.init_image, 255), size, r.init_fit, resize_lanczos, std::nullopt)};
  if (r.mask) out.mask = fitted(mask_of(*r.mask), size, r.init_fit, resize_bilinear, uint8_t{255});
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
