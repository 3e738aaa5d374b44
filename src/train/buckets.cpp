#include "train/buckets.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace newbie {

namespace {

double shape_of(PictureSize s) { return static_cast<double>(s.width) / static_cast<double>(s.height); }

int64_t side(double pixels, const BucketOptions& o) {
  return std::clamp(static_cast<int64_t>(pixels), o.least, o.most) / o.step * o.step;
}

}  // namespace

std::vector<PictureSize> bucket_sizes(const BucketOptions& o, int64_t unit) {
  constexpr int64_t kLargest = 16384;
  if (o.resolution < unit || o.resolution > kLargest || o.resolution % unit != 0)
    fail(ErrorKind::InvalidRequest, "resolution {} must be a multiple of {} up to {}", o.resolution, unit, kLargest);
  if (!o.enabled) return {{o.resolution, o.resolution}};
  if (o.step < unit || o.step % unit != 0)
    fail(ErrorKind::InvalidRequest, "bucket_step {} must be a multiple of {}", o.step, unit);
  if (o.least < o.step || o.most < o.least || o.most > kLargest)
    fail(ErrorKind::InvalidRequest, "bucket_min {} and bucket_max {} must rise from bucket_step {} to {} at most",
         o.least, o.most, o.step, kLargest);
  const int64_t area = o.resolution * o.resolution;
  std::vector<PictureSize> out;
  constexpr std::pair<int, int> kShapes[] = {{1, 1}, {3, 4}, {4, 3}, {9, 16}, {16, 9}};
  for (const auto& [a, b] : kShapes) {
    const double part = std::sqrt(static_cast<double>(area) / (a * b));
    PictureSize s{side(part * a, o), side(part * b, o)};
    while (s.width * s.height > area) {
      int64_t& larger = s.width >= s.height ? s.width : s.height;
      if (larger - o.step < o.step) break;
      larger -= o.step;
    }
    out.push_back(s);
  }
  std::stable_sort(out.begin(), out.end(), [](PictureSize x, PictureSize y) { return shape_of(x) < shape_of(y); });
  out.erase(std::unique(out.begin(), out.end(),
                        [](PictureSize x, PictureSize y) { return x.width == y.width && x.height == y.height; }),
            out.end());
  return out;
}

size_t nearest_bucket(std::span<const PictureSize> buckets, int64_t width, int64_t height) {
  const double wanted = static_cast<double>(width) / static_cast<double>(height);
  size_t best = 0;
  for (size_t i = 1; i < buckets.size(); ++i)
    if (std::abs(shape_of(buckets[i]) - wanted) < std::abs(shape_of(buckets[best]) - wanted)) best = i;
  return best;
}

PictureSize covering_size(PictureSize bucket, int64_t width, int64_t height) {
  if (width * bucket.height > bucket.width * height)  // wider than the bucket
    return {std::max(bucket.width, width * bucket.height / height), bucket.height};
  return {bucket.width, std::max(bucket.height, height * bucket.width / width)};
}

}  // namespace newbie
