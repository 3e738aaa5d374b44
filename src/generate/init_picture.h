// The picture a request starts from, and the mask of what is repainted: brought to size, and put back at the end.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string_view>

#include "core/log.h"
#include "generate/request.h"

namespace newbie {

struct InitPicture {
  Image picture;              // RGB of the request's size
  std::optional<Image> mask;  // the same size, RGB with equal channels: 255 is repainted
};

// Bytes that reading pictures may take beside what the process has: of a budget, or (0) of what the machine has left.
size_t memory_left_for_pictures(size_t budget_bytes);

// The picture of a file, its colours as sRGB; `log` is told where they cannot be. Error{OverBudget} when it needs more
// than `memory_bytes` by its header, else as read_picture().
Image read_start_picture(const std::filesystem::path& path, size_t memory_bytes, Log& log);

// The same for the bytes of a file, which messages call `where`.
Image decode_start_picture(std::span<const std::byte> bytes, std::string_view where, size_t memory_bytes, Log& log);

// Whether some of the picture has to go, or something to be added, for it to have this size's shape.
bool has_other_proportions(const Image& image, PictureSize size);

// Fitted as the request says, resized (Lanczos; the mask with triangles) and freed of alpha: white behind the picture,
// black behind the mask. Nothing when the request starts from noise.
std::optional<InitPicture> init_picture(const GenerateRequest& request, PictureSize size);

// Means of the mask over squares of `downscale` pixels, 0…1, into [height / downscale, width / downscale].
void latent_mask(const Image& mask, int64_t downscale, std::span<float> out);

// Puts the kept part back over a drawn picture: exactly where the mask is 0, blended where it is between.
void restore_pixels(const InitPicture& init, Image& drawn);

}  // namespace newbie
