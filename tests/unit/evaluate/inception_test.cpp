// FID's InceptionV3 with random weights against the public Python implementations (tests/reference/
// export_evaluate_goldens.py says which, and how the weights are drawn).
#include <gtest/gtest.h>

#include <cmath>

#include "core/random.h"
#include "evaluate/extractor.h"
#include "graph/ops/sources.h"
#include "models/inception_v3/graph.h"
#include "support/golden.h"
#include "unit/core/expect_error.h"
#include "unit/core/temporary_folder.h"
#include "unit/evaluate/pictures.h"
#include "weights/safetensors_writer.h"

namespace newbie::test {
namespace {

// Units of the network in sorted order, with the shapes of their convolutions.
std::map<std::string, Shape> units() {
  constexpr std::string_view kWeight = ".conv.weight";
  std::map<std::string, Shape> out;
  const Graph graph = inception_v3();
  for (int id = 0; id < graph.size(); ++id) {
    const Node& node = graph.node(id);
    if (node.op == &weight_op && node.paths.front().ends_with(kWeight))
      out[node.paths.front().substr(0, node.paths.front().size() - kWeight.size())] = node.shape;
  }
  return out;
}

Tensors random_weights() {
  TorchGenerator generator(0);
  Tensors out;
  const auto normal = [&](const Shape& shape) {
    Tensor t{shape, std::vector<float>(shape.elements())};
    generator.normal(t.values);
    return t;
  };
  for (const auto& [unit, shape] : units()) {
    Tensor weight = normal(shape);
    const auto scale = static_cast<float>(std::sqrt(2.0 / static_cast<double>(shape[1] * shape[2] * shape[3])));
    for (float& v : weight.values) v *= scale;
    out[unit + ".conv.weight"] = std::move(weight);
    for (const char* name : {".bn.weight", ".bn.bias", ".bn.running_mean", ".bn.running_var"}) {
      Tensor t = normal({shape[0]});
      const bool around_one = name != std::string_view(".bn.bias") && name != std::string_view(".bn.running_mean");
      for (float& v : t.values) v = (around_one ? 1.0f : 0.0f) + v / 10;
      if (name == std::string_view(".bn.running_var"))
        for (float& v : t.values) v *= v;
      out[unit + name] = std::move(t);
    }
  }
  return out;
}

void write_weights(const std::filesystem::path& path, const Tensors& weights) {
  std::vector<NamedTensor> tensors;
  for (const auto& [name, t] : weights)
    tensors.push_back({name, {{t.shape, DType::F32}, reinterpret_cast<const std::byte*>(t.values.data())}});
  write_safetensors(path.string(), tensors, {});
}

TEST(InceptionV3, HasThePublishedNumberOfParameters) {
  size_t parameters = 0;
  for (const auto& [unit, shape] : units()) parameters += shape.elements() + 2 * static_cast<size_t>(shape[0]);
  EXPECT_EQ(parameters, 21'785'568u);
  EXPECT_EQ(units().size(), 94u);
}

TEST(InceptionV3, FeaturesEqualPublicCodeInEveryVariant) {
  const TemporaryFolder folder;
  write_weights(folder / "inception.safetensors", random_weights());
  Runtime runtime = evaluation_runtime(2);
  const Golden golden("inception.safetensors");
  const std::map<std::string, Image> pictures{
      {"pattern", pattern(400, 320)}, {"smooth", smooth(96, 200)}, {"avatar", avatar_picture("000000.png")}};
  for (const InceptionInput input : {InceptionInput::Clean, InceptionInput::PytorchFid, InceptionInput::TensorFlow}) {
    const auto extractor = inception_extractor(runtime, folder / "inception.safetensors", input);
    EXPECT_EQ(extractor->dimension(), 2048u);
    EXPECT_EQ(extractor->name(), "inception-v3/" + std::string(to_string(input)));
    for (const auto& [name, picture] : pictures) {
      std::vector<float> got(2048);
      extractor->extract(picture, got, {});
      const double error = max_error(got, golden[name + "/" + std::string(to_string(input))].values);
      EXPECT_LE(error, 1e-4) << name << ", " << extractor->name();  // the bound of all f32 networks, docs/numerics.md
      std::printf("[ measured ] inception %-12s %-8s %10.3g\n", std::string(to_string(input)).c_str(), name.c_str(),
                  error);
    }
  }
}

TEST(InceptionV3, TheVariantsDiffer) {
  const Image picture = pattern(120, 90);
  const std::vector<float> clean = inception_pixels(picture, InceptionInput::Clean),
                           torch = inception_pixels(picture, InceptionInput::PytorchFid),
                           tensorflow = inception_pixels(picture, InceptionInput::TensorFlow);
  EXPECT_GT(max_error(clean, torch), 0.01);
  EXPECT_GT(max_error(torch, tensorflow), 0.01);
}

TEST(InceptionV3, APictureOf299PixelsIsOnlyMapped) {
  const Image picture = pattern(299, 299);
  const std::vector<float> clean = inception_pixels(picture, InceptionInput::Clean),
                           torch = inception_pixels(picture, InceptionInput::PytorchFid);
  for (size_t i = 0; i < picture.pixels.size(); i += 101) {
    EXPECT_EQ(clean[i], (static_cast<float>(picture.pixels[i]) - 128.0f) / 128.0f);
    EXPECT_EQ(torch[i], static_cast<float>(picture.pixels[i]) / 127.5f - 1.0f);
  }
}

TEST(InceptionV3, NamesWhatIsMissingOrWrong) {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder / "w.safetensors";
  Runtime runtime = evaluation_runtime(1);
  const auto open = [&] { inception_extractor(runtime, path, InceptionInput::Clean); };
  Tensors weights = random_weights();
  const auto broken = [&](const std::string& name, std::optional<Tensor> with) {
    Tensors copy = weights;
    copy.erase(name);
    if (with) copy[name] = *with;
    write_weights(path, copy);
  };
  broken("Mixed_6b.branch7x7_2.conv.weight", {});
  EXPECT_ERROR(open(), ErrorKind::BadFile, "no Mixed_6b.branch7x7_2.conv.weight");
  broken("Mixed_6b.branch7x7_2.conv.weight", Tensor{{128, 128, 7, 1}, std::vector<float>(128 * 128 * 7)});
  EXPECT_ERROR(open(), ErrorKind::BadFile, "[128, 128, 1, 7]");
  broken("Conv2d_1a_3x3.bn.bias", Tensor{{31}, std::vector<float>(31)});
  EXPECT_ERROR(open(), ErrorKind::BadFile, "expected [32]");
  broken("Conv2d_1a_3x3.bn.running_var", Tensor{{32}, std::vector<float>(32, -1.0f)});
  EXPECT_ERROR(open(), ErrorKind::BadFile, "running_var");
}

}  // namespace
}  // namespace newbie::test
