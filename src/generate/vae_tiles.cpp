#include "generate/vae_tiles.h"

#include <algorithm>

namespace newbie {

namespace {

constexpr int64_t kChannels = 3;

// Pixels over which two neighbours are blended: a quarter of the first tile, which is a whole one.
int64_t blended(std::span<const TileSpan> spans, int64_t scale) { return spans.front().count * scale / 4; }

}  // namespace

std::vector<TileSpan> tile_spans(int64_t extent, int64_t tile) {
  if (tile == 0 || extent <= tile) return {{0, extent}};
  std::vector<TileSpan> out;
  for (int64_t first = 0; first < extent; first += tile - tile / 4)
    out.push_back({first, std::min(tile, extent - first)});
  return out;
}

TileBlender::TileBlender(std::span<const TileSpan> rows, std::span<const TileSpan> columns, int64_t scale,
                         std::span<float> picture, std::span<float> strips)
    : rows_(rows), columns_(columns), scale_(scale), picture_(picture), strips_(strips) {}

size_t TileBlender::strip_floats(std::span<const TileSpan> rows, std::span<const TileSpan> columns, int64_t scale) {
  const int64_t width = columns.front().count * scale, height = rows.front().count * scale;
  const int64_t above = rows.size() > 1 ? static_cast<int64_t>(columns.size()) * blended(rows, scale) * width : 0;
  const int64_t left = columns.size() > 1 ? height * blended(columns, scale) : 0;
  return static_cast<size_t>((above + left) * kChannels);
}

float* TileBlender::above(size_t column) const {
  return strips_.data() +
         static_cast<int64_t>(column) * blended(rows_, scale_) * columns_.front().count * scale_ * kChannels;
}

float* TileBlender::left() const { return rows_.size() > 1 ? above(columns_.size()) : strips_.data(); }

void TileBlender::add(size_t row, size_t column, std::span<float> tile) {
  const int64_t height = rows_[row].count * scale_, width = columns_[column].count * scale_;
  const int64_t tall = blended(rows_, scale_), wide = blended(columns_, scale_);
  const int64_t line = width * kChannels;
  const auto mix = [](float a, float b, int64_t at, int64_t extent) {
    const float share = static_cast<float>(at) / static_cast<float>(extent);
    return a * (1.0f - share) + b * share;
  };
  if (row > 0) {
    const int64_t extent = std::min(tall, height);
    const float* from = above(column) + (tall - extent) * line;
    for (int64_t y = 0; y < extent; ++y)
      for (int64_t i = 0; i < line; ++i) {
        float& v = tile[static_cast<size_t>(y * line + i)];
        v = mix(from[y * line + i], v, y, extent);
      }
  }
  if (column > 0) {
    const int64_t extent = std::min(wide, width);
    for (int64_t y = 0; y < height; ++y)
      for (int64_t x = 0; x < extent; ++x)
        for (int64_t c = 0; c < kChannels; ++c) {
          float& v = tile[static_cast<size_t>(y * line + x * kChannels + c)];
          v = mix(left()[(y * wide + wide - extent + x) * kChannels + c], v, x, extent);
        }
  }

  // What the next tiles do not draw over.
  const int64_t picture_line = (columns_.back().first + columns_.back().count) * scale_ * kChannels;
  const int64_t rows = row + 1 < rows_.size() ? rows_[row + 1].first - rows_[row].first : rows_[row].count;
  const int64_t columns =
      column + 1 < columns_.size() ? columns_[column + 1].first - columns_[column].first : columns_[column].count;
  for (int64_t y = 0; y < rows * scale_; ++y)
    std::copy_n(tile.begin() + y * line, columns * scale_ * kChannels,
                picture_.begin() + (rows_[row].first * scale_ + y) * picture_line +
                    columns_[column].first * scale_ * kChannels);

  if (row + 1 < rows_.size()) std::copy_n(tile.begin() + (height - tall) * line, tall * line, above(column));
  if (column + 1 < columns_.size())
    for (int64_t y = 0; y < height; ++y)
      std::copy_n(tile.begin() + y * line + (width - wide) * kChannels, wide * kChannels,
                  left() + y * wide * kChannels);
}

}  // namespace newbie
