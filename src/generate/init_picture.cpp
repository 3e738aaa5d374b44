#include "generate/init_picture.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/machine.h"
#include "generate/init_fit.h"
#include "image/flatten.h"
#include "image/picture_format.h"
#include "image/resize.h"

namespace newbie {

size_t memory_left_for_pictures(size_t budget_bytes) {
  if (budget_bytes == 0) return available_memory_bytes();
  return budget_bytes - std::min(budget_bytes, resident_bytes());
}

namespace {

Image start_picture(DecodedPicture picture, const std::string& where, Log& log) {
  if (const std::string problem = to_srgb(picture.image, picture.colours); !problem.empty())
    log.warn("{}: {}", where, problem);
  if (picture.is_animation) log.warn("{}: an animation: its first picture is taken", where);
  return std::move(picture.image);
}

Image alpha_of(const Image& rgba) {
  Image out{.width = rgba.width, .height = rgba.height, .channels = 3};
  out.pixels.reserve(rgba.pixels.size() / 4 * 3);
  for (size_t i = 3; i < rgba.pixels.size(); i += 4) out.pixels.insert(out.pixels.end(), 3, rgba.pixels[i]);
  return out;
}

Image with_alpha(const Image& rgb, const Image& alpha) {
  Image out{.width = rgb.width, .height = rgb.height, .channels = 4};
  out.pixels.reserve(rgb.pixels.size() / 3 * 4);
  for (size_t i = 0; i < rgb.pixels.size(); i += 3) {
    out.pixels.insert(out.pixels.end(), rgb.pixels.begin() + static_cast<std::ptrdiff_t>(i),
                      rgb.pixels.begin() + static_cast<std::ptrdiff_t>(i) + 3);
    out.pixels.push_back(alpha.pixels[i]);
  }
  return out;
}

uint8_t blend(uint8_t over, uint8_t under, unsigned mask) {
  return static_cast<uint8_t>((over * mask + under * (255 - mask) + 127) / 255);
}

// The mask as large as the picture it is of, and the box around what is painted.
struct WholeMask {
  Image mask;
  PixelBox painted;
};

WholeMask whole_mask(const GenerateRequest& r) {
  Image mask = resize_bilinear(mask_of(*r.mask), r.init_image->width, r.init_image->height);
  if (r.mask_invert) mask = inverted(std::move(mask));
  mask = softened(std::move(mask), r.mask_blur);
  const auto painted = painted_box(mask);
  if (!painted)
    throw Error(ErrorKind::InvalidRequest, "nothing of the picture is masked", "white is repainted", "only_masked");
  return {std::move(mask), *painted};
}

// The part of the picture around its mask.
InitPicture masked_part(const GenerateRequest& r, const Image& picture, int width, int height) {
  WholeMask whole = whole_mask(r);
  const PixelBox part = grown(whole.painted, r.mask_padding, width, height, picture);
  return {.picture = resize_lanczos(cut_out(picture, part), width, height),
          .mask = resize_bilinear(cut_out(whole.mask, part), width, height),
          .whole = InitPicture::Whole{picture, std::move(whole.mask), part},
          .alpha = {}};
}

void put_back(const InitPicture::Whole& whole, const Image& drawn, Image& out) {
  const Image part = resize_lanczos(drawn, whole.part.width, whole.part.height);
  const auto row = static_cast<size_t>(whole.part.width) * 3;
  for (int y = 0; y < whole.part.height; ++y)
    for (size_t i = 0; i < row; ++i) {
      const size_t at = (static_cast<size_t>(whole.part.top + y) * static_cast<size_t>(out.width) +
                         static_cast<size_t>(whole.part.left)) *
                            3 +
                        i;
      out.pixels[at] = blend(part.pixels[static_cast<size_t>(y) * row + i], out.pixels[at], whole.mask.pixels[at]);
    }
}

}  // namespace

Image read_start_picture(std::span<const std::byte> bytes, const std::string& where, size_t memory_bytes, Log& log) {
  return start_picture(decode_picture(bytes, where, {.max_memory_bytes = memory_bytes}), where, log);
}

Image read_start_picture(const std::filesystem::path& path, size_t memory_bytes, Log& log) {
  return start_picture(read_picture(path, {.max_memory_bytes = memory_bytes}), path.string(), log);
}

std::optional<PictureSize> size_of_whole(const GenerateRequest& r) {
  if (!r.only_masked || !r.init_image || !r.mask) return std::nullopt;
  return PictureSize{r.init_image->width, r.init_image->height};
}

std::optional<InitPicture> init_picture(const GenerateRequest& r, PictureSize size) {
  if (!r.init_image) return std::nullopt;
  const int width = static_cast<int>(size.width), height = static_cast<int>(size.height);
  const Image picture = flatten(*r.init_image, 255);
  InitPicture out;
  if (size_of_whole(r)) {
    out = masked_part(r, picture, width, height);
  } else {
    out.picture = fitted(picture, size, r.init_fit, resize_lanczos, std::nullopt);
    if (r.mask) {
      Image mask = mask_of(*r.mask);
      if (r.mask_invert) mask = inverted(std::move(mask));
      out.mask = softened(fitted(mask, size, r.init_fit, resize_bilinear, uint8_t{255}), r.mask_blur);
    }
  }
  if (r.keep_alpha && r.init_image->channels == 4) {
    const Image alpha = alpha_of(*r.init_image);
    out.alpha = out.whole ? alpha : fitted(alpha, size, r.init_fit, resize_bilinear, std::nullopt);
  }
  return out;
}

void check_init_picture(const GenerateRequest& r) {
  if (size_of_whole(r)) whole_mask(r);
}

void tell_of_lost_mask(const GenerateRequest& r, const InitPicture& init, Log& log) {
  if (!init.mask || init.whole || painted_box(*init.mask)) return;
  const Image given = mask_of(*r.mask);
  if (painted_box(r.mask_invert ? inverted(given) : given))
    log.warn("nothing of what `mask` repaints is left in {}x{}: nothing is repainted", init.picture.width,
             init.picture.height);
}

size_t init_picture_bytes(const GenerateRequest& r, PictureSize size) {
  if (!r.init_image) return 0;
  constexpr size_t kPixel = 3;
  const auto width = static_cast<size_t>(size.width), height = static_cast<size_t>(size.height);
  const auto given_height = static_cast<size_t>(r.init_image->height);
  const size_t given = static_cast<size_t>(r.init_image->width) * given_height;
  const size_t pictures = r.mask ? 2 : 1;  // the mask is one, too
  size_t pixels = pictures * width * height;
  if (size_of_whole(r)) pixels += 2 * given;  // the whole, and its mask
  if (r.keep_alpha && r.init_image->channels == 4) pixels += std::max(given, width * height);
  return kPixel *
         (pixels + given + width * std::max(height, given_height));  // without alpha; between both ways of a resize
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

Image finished_picture(const InitPicture& init, Image drawn) {
  if (init.whole) {
    Image whole = init.whole->picture;
    put_back(*init.whole, drawn, whole);
    drawn = std::move(whole);
  } else if (init.mask) {
    for (size_t i = 0; i < drawn.pixels.size(); ++i)
      drawn.pixels[i] = blend(drawn.pixels[i], init.picture.pixels[i], init.mask->pixels[i]);
  }
  if (init.alpha) drawn = with_alpha(drawn, resize_bilinear(*init.alpha, drawn.width, drawn.height));
  return drawn;
}

}  // namespace newbie
