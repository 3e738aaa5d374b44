// The avatar as ComfyUI's single files (layout E of spec/checkpoints.md), where the given files are at hand.
#include <gmock/gmock.h>

#include "e2e/pictures.h"
#include "e2e/run_program.h"
#include "unit/core/temporary_folder.h"

namespace newbie::e2e {
namespace {

namespace fs = std::filesystem;

const fs::path& single_files() {
  static const fs::path path = fs::path(NEWBIE_SOURCE_DIR) / "../shared/models/avatar/comfyui";
  return path;
}

fs::path drawn(const TemporaryFolder& folder, const char* name, const std::vector<std::string>& model) {
  std::vector<std::string> words{"generate", "-q",
                                 "-s",       "1000",
                                 "--steps",  "8",
                                 "-o",       (folder / name).string(),
                                 "-p",       "<character_1>\n<n>aoi</n>\n<gender>1girl</gender>\n</character_1>"};
  words.insert(words.end(), model.begin(), model.end());
  const Outcome o = run(words);
  EXPECT_EQ(o.exit_code, 0) << o.err;
  return folder / name;
}

std::vector<std::string> single_file_flags(const fs::path& clip) {
  const fs::path& files = single_files();
  return {"--diffusion-model",
          (files / "diffusion_models/newbie_avatar_bf16.safetensors").string(),
          "--text-encoder",
          (files / "text_encoders/newbie_avatar_gemma3_bf16.safetensors").string(),
          "--clip",
          clip.string(),
          "--vae",
          (files / "vae/newbie_avatar_ae.safetensors").string()};
}

class SingleFiles : public testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(single_files())) GTEST_SKIP() << "the single files are not here";
  }
};

TEST_F(SingleFiles, WithTheFoldersJinaTheyDrawTheSamePicture) {
  const TemporaryFolder folder;
  const fs::path whole = drawn(folder, "folder.png", {"-m", avatar().string()}),
                 single = drawn(folder, "single.png", single_file_flags(avatar() / "clip_model"));
  EXPECT_EQ(picture(single).image, picture(whole).image);
}

TEST_F(SingleFiles, WithTheirOwnJinaTheyDrawNearlyTheSamePicture) {
  const TemporaryFolder folder;
  const fs::path whole = drawn(folder, "folder.png", {"-m", avatar().string()}),
                 single = drawn(
                     folder, "single.png",
                     single_file_flags(single_files() / "text_encoders/newbie_avatar_jina_clip_bf16.safetensors"));
  EXPECT_GE(psnr(picture(single).image, picture(whole).image), 30.0);
}

}  // namespace
}  // namespace newbie::e2e
