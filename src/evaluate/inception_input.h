// What InceptionV3 is given of a picture. Three ways are in use; scores from different ones must not be compared
// (spec/metrics.md §1.2).
#pragma once

#include <string_view>
#include <vector>

#include "image/image.h"

namespace newbie {

enum class InceptionInput {
  Clean,       // clean-fid: Pillow's antialiased bicubic without rounding, clipped; (x − 128) / 128
  PytorchFid,  // pytorch-fid: bilinear, half-pixel centres, not antialiased; 2x / 255 − 1
  TensorFlow,  // torch-fidelity, torchmetrics, the original: TF1's bilinear, aligned at 0; (x − 128) / 128
};
std::string_view to_string(InceptionInput input);  // "clean", "pytorch-fid", "tensorflow"

// [299, 299, 3]. Error{InvalidRequest} unless the picture is RGB.
std::vector<float> inception_pixels(const Image& image, InceptionInput input);

}  // namespace newbie
