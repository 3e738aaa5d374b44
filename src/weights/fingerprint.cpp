#include "weights/fingerprint.h"

#include <algorithm>
#include <vector>

#include "core/checked.h"
#include "weights/sha256.h"

namespace newbie {

namespace {

constexpr size_t kReadWhole = 64 * 1024 * 1024;
constexpr size_t kPiece = 1024 * 1024;
constexpr size_t kBlock = 4096;
constexpr size_t kBlocks = 4096;

// Hashes bytes [first, first + count) of the files' data buffers laid end to end.
void add_range(Sha256& hash, std::span<const std::shared_ptr<const SafetensorsFile>> files, size_t first,
               size_t count) {
  for (const auto& file : files) {
    const std::span<const std::byte> data = file->data_bytes();
    if (first >= data.size()) {
      first -= data.size();
      continue;
    }
    // In pieces: pages that were hashed need not stay in memory.
    while (count != 0 && first < data.size()) {
      const auto piece = data.subspan(first, std::min({count, kPiece, data.size() - first}));
      hash.add(piece);
      file->drop_pages(piece);
      count -= piece.size();
      first += piece.size();
    }
    if (count == 0) return;
    first = 0;
  }
}

}  // namespace

std::string fingerprint(std::span<const std::shared_ptr<const SafetensorsFile>> files) {
  std::vector<std::shared_ptr<const SafetensorsFile>> sorted(files.begin(), files.end());
  std::sort(sorted.begin(), sorted.end(),
            [](const auto& a, const auto& b) { return a->path().filename() < b->path().filename(); });

  Sha256 hash;
  size_t file_bytes = 0;
  size_t data_bytes = 0;
  for (const auto& file : sorted) {
    hash.add(static_cast<uint64_t>(file->file_bytes()));
    hash.add(file->header_bytes());
    file_bytes = checked_add(file_bytes, file->file_bytes());
    data_bytes = checked_add(data_bytes, file->data_bytes().size());
  }
  if (file_bytes <= kReadWhole || data_bytes <= kBlocks * kBlock) {
    add_range(hash, sorted, 0, data_bytes);
  } else {
    const size_t room = data_bytes - kBlock;
    for (size_t i = 0; i < kBlocks; ++i)  // room / (kBlocks - 1) steps, without the product that could overflow
      add_range(hash, sorted, room / (kBlocks - 1) * i + room % (kBlocks - 1) * i / (kBlocks - 1), kBlock);
  }
  for (const auto& file : sorted) file->check_intact();
  return hash.hex();
}

}  // namespace newbie
