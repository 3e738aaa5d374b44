// newbie export onnx, as a person runs it: what is written, what is kept, what is refused. Whether other runtimes
// compute the same with it is seen by ./dev onnx.
#include <gmock/gmock.h>

#include "core/files.h"
#include "core/json.h"
#include "e2e/run_program.h"
#include "unit/core/temporary_folder.h"

namespace newbie::e2e {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;

Outcome export_to(const fs::path& folder, std::vector<std::string> more) {
  std::vector<std::string> words{"export", "onnx", folder.string(), "-W", "64", "-H", "32", "--steps", "2"};
  words.insert(words.end(), more.begin(), more.end());
  return run(words);
}

Json manifest_of(const fs::path& folder) {
  return parse_json(read_file(folder / "newbie-onnx.json", size_t{64} << 20), "manifest");
}

TEST(Export, WritesTheNetworksOfARequest) {
  const TemporaryFolder folder;
  const fs::path out = folder / "onnx";
  const Outcome o = export_to(out, {"-p", "1girl", "--json"});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  EXPECT_EQ(o.err, "");
  const Json manifest = manifest_of(out);
  std::vector<std::string> files{"newbie-onnx.json", "clip_model.weights", "text_encoder.weights",
                                 "transformer.weights", "vae.weights"};
  for (const auto& [file, network] : manifest.at("networks").items()) files.push_back(file);
  EXPECT_THAT(names_in(out), ::testing::UnorderedElementsAreArray(files));
  EXPECT_THAT(files, IsSupersetOf({"decoder-64x32.onnx", "encoder-64x32.onnx"}));
  EXPECT_EQ(manifest.at("prompts").size(), 2u);  // the negative one
  EXPECT_EQ(manifest.at("precision"), "f32");
  for (const auto& [part, weights] : manifest.at("weights").items())
    EXPECT_EQ(fs::file_size(out / weights.at("file").get<std::string>()), weights.at("bytes").get<size_t>()) << part;
  const std::string tokens = std::to_string(manifest.at("prompts").at(0).at("text_encoder_ids").size());
  EXPECT_EQ(manifest.at("prompts").at(0).at("text_encoder"), "text_encoder-" + tokens + ".onnx");
  EXPECT_EQ(manifest.at("passes").at(0).at("steps").at(0), "step-" + tokens + "-64x32.onnx");
}

TEST(Export, AnotherPromptKeepsTheWeights) {
  const TemporaryFolder folder;
  ASSERT_EQ(export_to(folder.path(), {"-p", "1girl"}).exit_code, 0);
  const auto before = fs::last_write_time(folder / "transformer.weights");
  const size_t networks = manifest_of(folder.path()).at("networks").size();
  const Outcome o = export_to(folder.path(), {"-p", "1girl, purple_hair, smile", "--tokens", "9"});
  ASSERT_EQ(o.exit_code, 0) << o.err;
  EXPECT_THAT(o.out, HasSubstr("is there"));
  EXPECT_EQ(fs::last_write_time(folder / "transformer.weights"), before);
  EXPECT_GT(manifest_of(folder.path()).at("networks").size(), networks);
  EXPECT_TRUE(fs::exists(folder / "step-9-64x32.onnx"));
}

TEST(Export, OtherWeightsInTheFolderAreRefused) {
  const TemporaryFolder folder;
  ASSERT_EQ(export_to(folder.path(), {"-p", "1girl"}).exit_code, 0);
  const Outcome o = export_to(folder.path(), {"-p", "1girl", "--dtype", "bf16"});
  EXPECT_EQ(o.exit_code, 2);
  EXPECT_THAT(o.err, HasSubstr("of another model, precision or version"));
}

TEST(Export, FilesOfOthersAreNotTouched) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "vae.weights", std::string_view("mine"));
  const Outcome o = export_to(folder.path(), {"-p", "1girl"});
  EXPECT_EQ(o.exit_code, 2);
  EXPECT_THAT(o.err, HasSubstr("there is such a file already"));
  EXPECT_THAT(names_in(folder.path()), ::testing::ElementsAre("vae.weights"));
  EXPECT_EQ(read_file(folder / "vae.weights", 10), "mine");
}

TEST(Export, RefusesWhatHasNoForm) {
  const TemporaryFolder folder;
  EXPECT_THAT(export_to(folder.path(), {"-p", "1girl", "--dtype", "int8"}).err, HasSubstr("8-bit"));
  EXPECT_THAT(export_to(folder.path(), {"-p", "(hat:1.3)", "--weights"}).err, HasSubstr("weights of words"));
  EXPECT_THAT(export_to(folder.path(), {"-p", "1girl", "--tokens", "0"}).err, HasSubstr("1 to 4096"));
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

}  // namespace
}  // namespace newbie::e2e
