// Tiles: how a picture is cut, that blending loses nothing, and pictures near those of the whole decode.
#include "generate/vae_tiles.h"

#include <gmock/gmock.h>

#include <cmath>

#include "generate/text_to_image.h"
#include "support/golden.h"

namespace newbie::test {
namespace {

TEST(VaeTiles, CoverEverythingWithAQuarterOverlap) {
  for (const int64_t extent : {1, 7, 8, 9, 14, 15, 20, 64, 65})
    for (const int64_t tile : {0, 8, 16}) {
      const std::vector<TileSpan> spans = tile_spans(extent, tile);
      EXPECT_EQ(spans.front().first, 0);
      EXPECT_EQ(spans.back().first + spans.back().count, extent);
      if (tile == 0 || extent <= tile) {
        EXPECT_EQ(spans.size(), 1u);
      }
      for (size_t i = 1; i < spans.size(); ++i) {
        EXPECT_EQ(spans[i].first - spans[i - 1].first, tile - tile / 4);
        EXPECT_GT(spans[i].count, 0);
        EXPECT_LE(spans[i].count, tile);
        EXPECT_GE(spans[i - 1].first + spans[i - 1].count, spans[i].first);
      }
    }
}

// Tiles cut out of one picture blend into that picture.
TEST(VaeTiles, PiecesOfOnePictureBlendIntoIt) {
  constexpr int64_t kScale = 2;
  for (const auto& [h, w] : {std::pair<int64_t, int64_t>{8, 8}, {9, 8}, {8, 21}, {19, 14}, {26, 33}}) {
    const std::vector<TileSpan> rows = tile_spans(h, 8), columns = tile_spans(w, 8);
    const auto color = [&](int64_t y, int64_t x, int64_t c) {
      return std::sin(0.3f * static_cast<float>(y) + 0.7f * static_cast<float>(x * (c + 1)));
    };
    std::vector<float> picture(static_cast<size_t>(h * w * kScale * kScale * 3), NAN);
    std::vector<float> strips(TileBlender::strip_floats(rows, columns, kScale));
    TileBlender blender(rows, columns, kScale, picture, strips);
    for (size_t i = 0; i < rows.size(); ++i)
      for (size_t j = 0; j < columns.size(); ++j) {
        std::vector<float> tile;
        for (int64_t y = 0; y < rows[i].count * kScale; ++y)
          for (int64_t x = 0; x < columns[j].count * kScale; ++x)
            for (int64_t c = 0; c < 3; ++c)
              tile.push_back(color(rows[i].first * kScale + y, columns[j].first * kScale + x, c));
        blender.add(i, j, tile);
      }
    for (int64_t y = 0; y < h * kScale; ++y)
      for (int64_t x = 0; x < w * kScale; ++x)
        for (int64_t c = 0; c < 3; ++c)
          ASSERT_NEAR(picture[static_cast<size_t>((y * w * kScale + x) * 3 + c)], color(y, x, c), 1e-6)
              << h << "x" << w << " at " << y << ", " << x;
  }
}

TEST(VaeTiles, APictureInTilesIsNearTheWholeOneInLessMemory) {
  TextToImage engine =
      TextToImage::open({.folder = avatar_path()}, {.threads = 2, .precision = PrecisionRequest::F32}, silent_log());
  GenerateRequest r;
  r.prompt = "1girl, aqua_hair, smile";
  r.width = r.height = 192;
  r.steps = 6;
  const auto draw = [&] {
    Image out;
    RunObserver progress;
    engine.generate(r, progress, {}, [&](GeneratedImage g) { out = std::move(g.image); });
    return out;
  };
  const auto decode_arena = [&] { return engine.plan(r).stages.back().arena_bytes; };
  const Image whole = draw();
  const size_t arena = decode_arena();
  r.vae_tile = 96;
  const Image tiled = draw();
  EXPECT_LT(decode_arena(), arena / 2);
  double far = 0;
  for (size_t i = 0; i < whole.pixels.size(); ++i)
    far += std::abs(static_cast<double>(whole.pixels[i]) - static_cast<double>(tiled.pixels[i]));
  far /= static_cast<double>(whole.pixels.size());
  EXPECT_GT(far, 0) << "norms of tiles are other norms";
  EXPECT_LT(far, 12) << "levels, on average";
  r.vae_tile = 100;
  EXPECT_THROW(draw(), Error);
}

}  // namespace
}  // namespace newbie::test
