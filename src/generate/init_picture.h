// The picture a request starts from, and the mask of what is repainted: brought to size, and put back at the end.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "core/log.h"
#include "generate/request.h"
#include "image/mask.h"

namespace newbie {

struct InitPicture {
  Image picture;              // RGB of the request's size
  std::optional<Image> mask;  // the same size, RGB with equal channels: 255 is repainted

  // With only_masked `picture` and `mask` are this part of a whole, into which what is drawn is put back.
  struct Whole {
    Image picture, mask;
    PixelBox part;
  };
  std::optional<Whole> whole;
  std::optional<Image> alpha;  // to be kept: RGB with equal channels, of the size it was given in
};

// Bytes that reading pictures may take beside what the process has: of a budget, or (0) of what the machine has left.
size_t memory_left_for_pictures(size_t budget_bytes);

// The picture of a file's bytes, its colours as sRGB; `log` is told where they cannot be, and of an animation.
// Error{OverBudget} when it needs more than `memory_bytes` by its header, else as decode_picture().
Image read_start_picture(std::span<const std::byte> bytes, const std::string& where, size_t memory_bytes, Log& log);
Image read_start_picture(const std::filesystem::path& path, size_t memory_bytes, Log& log);

// Fitted as the request says, resized (Lanczos; the mask with triangles) and freed of alpha: white behind the picture,
// black behind the mask. Nothing when the request starts from noise.
std::optional<InitPicture> init_picture(const GenerateRequest& request, PictureSize size);

// Error{InvalidRequest} where init_picture() would throw it; brings nothing to size.
void check_init_picture(const GenerateRequest& request);

// Warns where the mask repaints something, and nothing of that is left in the picture's size.
void tell_of_lost_mask(const GenerateRequest& request, const InitPicture& init, Log& log);

// The most that init_picture() holds while it works, which is more than what it gives.
size_t init_picture_bytes(const GenerateRequest& request, PictureSize size);

// Means of the mask over squares of `downscale` pixels, 0…1, into [height / downscale, width / downscale].
void latent_mask(const Image& mask, int64_t downscale, std::span<float> out);

// What a drawn picture becomes of what it started from: the kept part is put back, exactly where the mask is 0 and
// blended where it is between; a part goes back into its whole; transparency is kept.
Image finished_picture(const InitPicture& init, Image drawn);

// Of the pictures of a request with `only_masked`; nothing for others.
std::optional<PictureSize> size_of_whole(const GenerateRequest& request);

}  // namespace newbie
