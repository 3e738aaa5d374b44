#include "generate/bad_values.h"

#include <algorithm>
#include <cmath>
#include <mutex>

#include "weights/formats/gguf_blocks.h"

namespace newbie {

namespace {

// A run of elements of one tensor that one task reads.
struct Stretch {
  size_t tensor, first, count;
};

size_t elements_of(const FileTensor& tensor) {
  size_t elements = 1;
  for (const int64_t extent : tensor.entry->shape) elements *= static_cast<size_t>(extent);  // checked when parsed
  return elements;
}

// Where a stretch lies. It begins with a whole block, as kElements is a multiple of any; only the last may end in one.
std::span<const std::byte> bytes_of(const FileTensor& tensor, const Stretch& stretch) {
  const BlockFormat* blocks = tensor.entry->blocks;
  const size_t unit = blocks != nullptr ? blocks->elements : 1;
  const size_t size = blocks != nullptr ? blocks->bytes : size_of(*tensor.entry->dtype);
  return tensor.bytes().subspan(stretch.first / unit * size, stretch.count / unit * size);
}

}  // namespace

std::vector<BadValues> find_bad_values(const OpenedWeights& files, ThreadPool& pool,
                                       const std::function<void(size_t done_bytes, size_t bytes)>& on_progress) {
  constexpr size_t kElements = size_t{1} << 20, kAtOnce = 16384;
  std::vector<Stretch> stretches;
  size_t all_bytes = 0;
  for (size_t t = 0; t < files.tensors.size(); ++t) {
    const FileTensor& tensor = files.tensors[t];
    if (tensor.entry->blocks == nullptr && (!tensor.entry->dtype || !is_float(*tensor.entry->dtype))) continue;
    const size_t elements = elements_of(tensor);
    for (size_t first = 0; first < elements; first += kElements)
      stretches.push_back({t, first, std::min(kElements, elements - first)});
    all_bytes += tensor.bytes().size();
  }

  std::vector<BadValues> found(stretches.size());
  std::mutex mutex;
  size_t done_bytes = 0;
  pool.run(static_cast<int64_t>(stretches.size()), [&](int64_t i, int) {
    const Stretch& stretch = stretches[static_cast<size_t>(i)];
    const FileTensor& tensor = files.tensors[stretch.tensor];
    BadValues& bad = found[static_cast<size_t>(i)];
    std::vector<float> values(kAtOnce);
    for (size_t at = 0; at < stretch.count; at += kAtOnce) {
      const size_t n = std::min(kAtOnce, stretch.count - at);
      tensor.read(stretch.first + at, std::span(values).first(n));
      for (size_t k = 0; k < n; ++k) {
        if (std::isfinite(values[k])) continue;
        if (bad.count++ == 0) {
          bad.index = stretch.first + at + k;
          bad.value = std::isnan(values[k]) ? "NaN" : "Inf";
        }
      }
    }
    const std::span<const std::byte> bytes = bytes_of(tensor, stretch);
    tensor.file->drop_pages(bytes);
    const std::lock_guard lock(mutex);
    done_bytes += bytes.size();
    if (on_progress) on_progress(done_bytes, all_bytes);
  });
  for (const auto& file : files.files) file->check_intact();

  std::vector<BadValues> result;
  for (size_t i = 0; i < stretches.size(); ++i) {
    if (found[i].count == 0) continue;
    found[i].tensor = files.tensors[stretches[i].tensor].key();
    if (!result.empty() && result.back().tensor == found[i].tensor)
      result.back().count += found[i].count;  // stretches of a tensor follow each other
    else
      result.push_back(found[i]);
  }
  return result;
}

}  // namespace newbie
