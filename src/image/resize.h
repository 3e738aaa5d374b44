// Resizing as Pillow does it, to the byte: what CLIP preprocessing and the reference pictures were made with.
#pragma once

#include "image/image.h"

namespace newbie {

constexpr int kMaxResizedSide = 65536;

// Antialiased bicubic (a = -0.5) on 8-bit RGB, equal to Pillow's Image.resize(BICUBIC). Error{InvalidRequest} when a
// side is outside 1…kMaxResizedSide; Error{Unsupported} for RGBA, where alpha would have to be multiplied in first.
Image resize_bicubic(const Image& image, int width, int height);
// The same with three lobes of Lanczos (sharper: for pictures to go on from), and with triangles (never beyond the
// values around: for masks).
Image resize_lanczos(const Image& image, int width, int height);
Image resize_bilinear(const Image& image, int width, int height);

// The same filter on numbers that are never rounded to bytes, RGB interleaved: Pillow's resize of one float picture per
// channel. Overshoots are kept: values may lie outside 0…255.
std::vector<float> resize_bicubic_floats(const Image& image, int width, int height);

// The shorter side becomes `side`, the other long · side / short without its fraction, as torchvision's Resize has it.
Image resize_shorter_side(const Image& image, int side);

// The middle width x height; half of an odd rest is rounded to the even number, as torchvision's CenterCrop does it.
// Error{InvalidRequest} when the picture is smaller.
Image center_crop(const Image& image, int width, int height);

}  // namespace newbie
