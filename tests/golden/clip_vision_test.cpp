// The CLIP vision tower against the reference, from pixels and from a picture that has to be resized.
#include "image/resize.h"
#include "models/jina_clip/graph.h"
#include "stages.h"

namespace newbie::test {
namespace {

class ClipVision : public ::testing::TestWithParam<Way> {};

constexpr float kMean[] = {0.48145466f, 0.4578275f, 0.40821073f},
                kDeviation[] = {0.26862954f, 0.26130258f, 0.27577711f};

std::vector<float> image_feature(const Tensor& pixels, const Way& way) {
  const JinaVisionConfig sizes = jina_vision_config(avatar_clip_model().config_source());
  return run_stage(jina_vision(sizes), avatar_clip_model(), "clip_model", way, Numbers::F32, {{"pixels", pixels}})
      .output("image");
}

TEST_P(ClipVision, TheFeatureOfAPictureEqualsTheReference) {
  const Golden golden("clip_vision.safetensors");
  const double error = max_error(image_feature(channels_last(golden["pixels"]), GetParam()), golden["image"].values);
  EXPECT_LE(error, kF32Bound);
  report("clip vision f32", GetParam(), error, kF32Bound);
}

TEST_P(ClipVision, TheFeatureOfAResizedPictureEqualsTheReference) {
  const Golden golden("clip_vision.safetensors");
  const Tensor source = golden["resized_source"];
  const Image image{static_cast<int>(source.shape[1]),
                    static_cast<int>(source.shape[0]),
                    3,
                    {source.values.begin(), source.values.end()}};
  const Image crop = center_crop(resize_shorter_side(image, 128), 128, 128);
  Tensor pixels{{128, 128, 3}, {}};
  for (size_t i = 0; i < crop.pixels.size(); ++i)
    pixels.values.push_back((static_cast<float>(crop.pixels[i]) / 255.0f - kMean[i % 3]) / kDeviation[i % 3]);
  const double error = max_error(image_feature(pixels, GetParam()), golden["resized_image"].values);
  EXPECT_LE(error, kF32Bound);
  report("clip vision resized f32", GetParam(), error, kF32Bound);
}

INSTANTIATE_TEST_SUITE_P(Ways, ClipVision, ::testing::ValuesIn(kWays), [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace newbie::test
