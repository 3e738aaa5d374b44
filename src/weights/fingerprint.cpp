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
constexpr size_t kAhead = 64;  // blocks that are on their way while one is hashed: a disk answers many at once

using Files = std::span<const std::shared_ptr<const WeightFile>>;

// visit(file, bytes) for bytes [first, first + count) of the files' data buffers laid end to end, in pieces.
template <typename Visit>
void for_range(Files files, size_t first, size_t count, const Visit& visit) {
  for (const auto& file : files) {
    const std::span<const std::byte> data = file->data_bytes();
    if (first >= data.size()) {
      first -= data.size();
      continue;
    }
    while (count != 0 && first < data.size()) {
      const auto piece = data.subspan(first, std::min({count, kPiece, data.size() - first}));
      visit(*file, piece);
      count -= piece.size();
      first += piece.size();
    }
    if (count == 0) return;
    first = 0;
  }
}

void add_range(Sha256& hash, Files files, size_t first, size_t count) {
  for_range(files, first, count, [&](const WeightFile& file, std::span<const std::byte> piece) {
    hash.add(piece);
    file.drop_pages(piece);  // need not stay in memory
  });
}

void fetch_range(Files files, size_t first, size_t count) {
  for_range(files, first, count,
            [](const WeightFile& file, std::span<const std::byte> piece) { file.fetch_pages(piece); });
}

}  // namespace

std::string fingerprint(std::span<const std::shared_ptr<const WeightFile>> files) {
  std::vector<std::shared_ptr<const WeightFile>> sorted(files.begin(), files.end());
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
    const auto begin_of = [&](size_t block) {  // without the product that could overflow
      return room / (kBlocks - 1) * block + room % (kBlocks - 1) * block / (kBlocks - 1);
    };
    for (size_t i = 0; i < kAhead; ++i) fetch_range(sorted, begin_of(i), kBlock);
    for (size_t i = 0; i < kBlocks; ++i) {
      if (i + kAhead < kBlocks) fetch_range(sorted, begin_of(i + kAhead), kBlock);
      add_range(hash, sorted, begin_of(i), kBlock);
    }
  }
  for (const auto& file : sorted) file->check_intact();
  return hash.hex();
}

}  // namespace newbie
