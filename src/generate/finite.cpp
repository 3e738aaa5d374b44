#include "generate/finite.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <mutex>

#include "core/float_formats.h"

namespace newbie {

namespace {

// Every block of every step is looked at: compiled for wider vectors, too, where the compiler chooses among them.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define NEWBIE_WIDE __attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
#else
#define NEWBIE_WIDE
#endif

// Without the sign, the bits of IEEE numbers are ordered as their magnitudes are, infinity and NaN at the end.
NEWBIE_WIDE int32_t largest_32(const int32_t* bits, size_t count) {
  int32_t largest = 0;
  for (size_t i = 0; i < count; ++i) largest = std::max(largest, bits[i] & 0x7FFFFFFF);
  return largest;
}
NEWBIE_WIDE int16_t largest_16(const int16_t* bits, size_t count) {
  int16_t largest = 0;
  for (size_t i = 0; i < count; ++i) largest = std::max(largest, static_cast<int16_t>(bits[i] & 0x7FFF));
  return largest;
}

float largest(DType dtype, const std::byte* data, size_t count) {
  switch (dtype) {
    case DType::F32: return std::bit_cast<float>(largest_32(reinterpret_cast<const int32_t*>(data), count));
    case DType::BF16:
      return to_float(bf16_t{static_cast<uint16_t>(largest_16(reinterpret_cast<const int16_t*>(data), count))});
    case DType::F16:
      return to_float(f16_t{static_cast<uint16_t>(largest_16(reinterpret_cast<const int16_t*>(data), count))});
    default: return 0;  // no float
  }
}

}  // namespace

float abs_max(ConstTensorView value, ThreadPool& threads) {
  constexpr size_t kBlock = size_t{1} << 15;
  const size_t count = value.spec.shape.elements(), size = size_of(value.spec.dtype);
  const size_t blocks = (count + kBlock - 1) / kBlock;
  if (blocks <= 1) return largest(value.spec.dtype, value.data, count);
  std::mutex mutex;
  float most = 0;
  threads.run(static_cast<int64_t>(blocks), [&](int64_t block, int) {
    const size_t first = static_cast<size_t>(block) * kBlock;
    const float here = largest(value.spec.dtype, value.data + first * size, std::min(kBlock, count - first));
    const std::lock_guard lock(mutex);
    if (std::isnan(here) || here > most) most = here;  // nothing is larger than NaN
  });
  return most;
}

LevelSpread spread_of(const Image& image) {
  LevelSpread out;
  const auto channels = static_cast<size_t>(image.channels);
  const auto count = static_cast<double>(image.pixels.size() / channels);
  for (size_t c = 0; c < channels; ++c) {
    int low = 255, high = 0;
    double sum = 0, squares = 0;
    for (size_t i = c; i < image.pixels.size(); i += channels) {
      const int v = image.pixels[i];
      low = std::min(low, v);
      high = std::max(high, v);
      sum += v;
      squares += static_cast<double>(v) * v;
    }
    out.range = std::max(out.range, high - low);
    out.deviation = std::max(out.deviation, std::sqrt(std::max(0.0, squares / count - sum / count * (sum / count))));
  }
  return out;
}

}  // namespace newbie
