// newbie dev features: tensors of one encoder.
#include <gmock/gmock.h>

#include "e2e/run_program.h"
#include "unit/core/temporary_folder.h"
#include "weights/formats/safetensors.h"

namespace newbie::e2e {
namespace {

std::string bytes_of(const SafetensorsFile& file, const char* name) {
  const SafetensorsEntry* entry = file.find(name);
  if (entry == nullptr) return {};
  const auto bytes = file.bytes(*entry);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

SafetensorsFile features(const TemporaryFolder& folder, std::vector<std::string> more) {
  const std::string path = (folder / "f.safetensors").string();
  more.insert(more.begin(), {"dev", "features", "-q", "-o", path});
  const Outcome o = run(more);
  EXPECT_EQ(o.exit_code, 0) << o.err;
  return SafetensorsFile(path);
}

TEST(DevFeatures, TextEncoderByIdsWithPaths) {
  const TemporaryFolder folder;
  const SafetensorsFile file =
      features(folder, {"--ids", "2,4,5", "--dtype", "f32", "--no-fuse", "--paths", "layers.0", "layers.5*"});
  ASSERT_NE(file.find("ids"), nullptr);
  EXPECT_EQ(file.find("ids")->dtype, DType::I32);
  EXPECT_THAT(file.find("features")->shape, testing::ElementsAre(3, 128));
  ASSERT_NE(file.find("layers.0"), nullptr);
  EXPECT_EQ(file.find("layers.0.mlp"), nullptr);
  EXPECT_NE(file.find("layers.5.mlp"), nullptr);
  EXPECT_EQ(bytes_of(file, "layers.5"), bytes_of(file, "features"));
}

TEST(DevFeatures, AModelFolderAndTheEncodersOwnAreTheSame) {
  const TemporaryFolder folder;
  for (const std::string part : {"text_encoder", "clip_model"}) {
    const std::vector<std::string> flags{"--part", part, "-p", "blue hair", "-m"};
    const auto with = [&](const std::string& model) {
      std::vector<std::string> words = flags;
      words.push_back(model);
      return bytes_of(features(folder, words), "features");
    };
    const std::string whole = with(avatar().string());
    EXPECT_FALSE(whole.empty());
    EXPECT_EQ(with((avatar() / part).string()), whole);
  }
}

TEST(DevFeatures, Mistakes) {
  const TemporaryFolder folder;
  const std::string path = (folder / "f.safetensors").string();
  const std::pair<std::vector<std::string>, int> cases[] = {
      {{}, 2},
      {{"-p", "a", "--ids", "2"}, 2},
      {{"--ids", "99999999"}, 2},
      {{"--ids", "-1"}, 2},
      {{"--ids", "1.5"}, 2},
      {{"-p", "a", "--part", "head"}, 2},
      {{"-p", "a", "-m", "nowhere"}, 3},
  };
  for (const auto& [flags, exit_code] : cases) {
    std::vector<std::string> words{"dev", "features", "-o", path};
    words.insert(words.end(), flags.begin(), flags.end());
    const Outcome o = run(words);
    EXPECT_EQ(o.exit_code, exit_code) << o.err;
    EXPECT_FALSE(std::filesystem::exists(path));
  }
}

}  // namespace
}  // namespace newbie::e2e
