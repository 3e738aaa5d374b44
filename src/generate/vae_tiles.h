// A picture decoded in overlapping tiles that are blended into each other, as diffusers does. Norms see one tile each,
// so the picture is another one than that of the whole decode, by little.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace newbie {

// Rows or columns of the latent that a tile covers.
struct TileSpan {
  int64_t first = 0, count = 0;
};

// Tiles of `tile` latent rows, every one a quarter of that over the one before; a single span of all when `extent` is
// no larger than a tile or `tile` is 0.
std::vector<TileSpan> tile_spans(int64_t extent, int64_t tile);

// Puts decoded tiles together, left to right and top to bottom.
class TileBlender {
 public:
  // `scale` pixels for each of the latent's. `picture` is [rows, columns, 3] of all tiles; `strips` has room for
  // strip_floats() and holds the borders that later tiles blend with. All must outlive the blender.
  TileBlender(std::span<const TileSpan> rows, std::span<const TileSpan> columns, int64_t scale,
              std::span<float> picture, std::span<float> strips);
  static size_t strip_floats(std::span<const TileSpan> rows, std::span<const TileSpan> columns, int64_t scale);

  // The next tile, [count of its row · scale, count of its column · scale, 3]; changed where it is blended.
  void add(size_t row, size_t column, std::span<float> tile);

 private:
  float* above(size_t column) const;  // the lowest rows of the tile above, as wide as that tile
  float* left() const;                // the last columns of the tile to the left

  std::span<const TileSpan> rows_, columns_;
  int64_t scale_;
  std::span<float> picture_, strips_;
};

}  // namespace newbie
