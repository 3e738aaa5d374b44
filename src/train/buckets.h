// Aspect buckets: the few sizes that pictures of a training set are brought to (spec/training.md §2).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "generate/request.h"

namespace newbie {

struct BucketOptions {
  bool enabled = true;                          // false: one square
  int64_t resolution = 1024;                    // pixels a side of a square of the same area
  int64_t least = 256, most = 2048, step = 64;  // of a side
  bool operator==(const BucketOptions&) const = default;
};

// 1:1, 3:4, 4:3, 9:16 and 16:9, each of about resolution² pixels, by rising width / height and without repeats.
// Error{InvalidRequest} when sides are not multiples of `unit` pixels, or the limits leave none.
std::vector<PictureSize> bucket_sizes(const BucketOptions& options, int64_t unit);

// The bucket whose width / height is nearest; the first of equals.
size_t nearest_bucket(std::span<const PictureSize> buckets, int64_t width, int64_t height);

// The smallest size of the picture's shape that covers the bucket; the free side is cut to a whole number.
PictureSize covering_size(PictureSize bucket, int64_t width, int64_t height);

}  // namespace newbie
