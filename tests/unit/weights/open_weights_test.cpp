// Files, folders and shards.
#include "weights/open_weights.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "unit/core/expect_error.h"
#include "unit/core/temporary_folder.h"
#include "unit/weights/file_bytes.h"
#include "weights/formats/sharded_index.h"

namespace newbie {
namespace {

using testing::ElementsAre;

// A file with one U8 tensor [1] for every letter of `names`, whose byte is that letter.
std::string letters(std::string_view names) {
  std::string header = "{";
  for (size_t i = 0; i < names.size(); ++i)
    header += fmt::format(R"({}"{}":{{"dtype":"U8","shape":[1],"data_offsets":[{},{}]}})", i == 0 ? "" : ",", names[i],
                          i, i + 1);
  return safetensors_bytes(header + "}", names);
}

TEST(OpenWeights, OpensOneFile) {
  const TemporaryFolder folder;
  put_file(folder / "any name.safetensors", letters("ba"));
  const OpenedWeights opened = open_weights(folder / "any name.safetensors");
  EXPECT_EQ(opened.files.size(), 1u);
  EXPECT_THAT(opened.keys(), ElementsAre("a", "b"));
  EXPECT_EQ(as_text(opened.find("b")->bytes()), "b");
  EXPECT_EQ(opened.find("c"), nullptr);
}

TEST(OpenWeights, ChoosesTheFileOfAFolder) {
  const TemporaryFolder folder;
  put_file(folder / "other.safetensors", letters("o"));
  std::filesystem::create_directory(folder / "folder.safetensors");
  put_file(folder / "config.json", "{}");
  EXPECT_THAT(open_weights(folder.path()).keys(), ElementsAre("o"));
  put_file(folder / "shard.safetensors", letters("s"));
  EXPECT_ERROR(open_weights(folder.path()), ErrorKind::BadFile,
               "expected one weight file, got 2: 'other.safetensors', 'shard.safetensors'");
  put_file(folder / "model.safetensors.index.json", R"({"weight_map":{"s":"shard.safetensors"}})");
  EXPECT_THAT(open_weights(folder.path()).keys(), ElementsAre("s"));
  put_file(folder / "b.safetensors.index.json", R"({"weight_map":{"s":"shard.safetensors"}})");
  EXPECT_ERROR(open_weights(folder.path()), ErrorKind::BadFile, "'b.safetensors.index.json', 'model.safetensors.index");
  put_file(folder / "diffusion_pytorch_model.safetensors", letters("d"));
  EXPECT_THAT(open_weights(folder.path()).keys(), ElementsAre("d"));
  put_file(folder / "model.safetensors", letters("m"));
  EXPECT_ERROR(open_weights(folder.path()), ErrorKind::BadFile, "'diffusion_pytorch_model.safetensors', 'model.safe");
  std::filesystem::remove(folder / "diffusion_pytorch_model.safetensors");
  EXPECT_THAT(open_weights(folder.path()).keys(), ElementsAre("m"));
  put_file(folder / "newbie_dit.safetensors", letters("n"));
  EXPECT_THAT(open_weights(folder.path()).keys(), ElementsAre("n"));
}

TEST(OpenWeights, SaysWhatIsMissing) {
  const TemporaryFolder folder;
  EXPECT_ERROR(open_weights(folder / "none"), ErrorKind::BadFile, "none: expected a weight file or a folder");
  EXPECT_ERROR(open_weights(folder.path()), ErrorKind::BadFile, "got none of them");
  EXPECT_ERROR(open_weights(folder.path()), ErrorKind::BadFile, folder.path().string());
}

class ShardedIndex : public testing::Test {
 protected:
  ShardedIndex() {
    put_file(folder_ / "m-1.safetensors", letters("ab"));
    put_file(folder_ / "m-2.safetensors", letters("cd"));
  }
  OpenedWeights open(std::string_view index) {
    put_file(folder_ / "m.safetensors.index.json", index);
    return open_weights(folder_.path());
  }
  OpenedWeights open_with_shard(std::string_view name) {
    return open(fmt::format(R"({{"weight_map":{{"a":"{}"}}}})", name));
  }
  TemporaryFolder folder_;
};

TEST_F(ShardedIndex, OpensEveryShardOnce) {
  const OpenedWeights opened = open(
      R"({"metadata":{"total_size":-5},"weight_map":{"d":"m-2.safetensors","a":"m-1.safetensors","b":"m-1.safetensors"}})");
  EXPECT_THAT(opened.keys(), ElementsAre("a", "b", "d"));
  ASSERT_EQ(opened.files.size(), 2u);
  EXPECT_EQ(opened.files[0]->path().filename(), "m-1.safetensors");
  EXPECT_EQ(opened.find("a")->file, opened.find("b")->file);
  EXPECT_EQ(as_text(opened.find("d")->bytes()), "d");
}

TEST_F(ShardedIndex, RefusesNamesThatLeaveTheFolder) {
  for (const char* name : {"../m-1.safetensors", "/m-1.safetensors", "sub/m-1.safetensors", "..", ".", "",
                           "sub\\\\m-1.safetensors", "C:m-1.safetensors", "m-1.safetensors\\u0000"})
    EXPECT_ERROR(open_with_shard(name), ErrorKind::BadFile,
                 "tensor 'a': expected the plain name of a file in the same folder");
}

TEST_F(ShardedIndex, RefusesAMapThatIsNotTrue) {
  EXPECT_ERROR(open_with_shard("m-2.safetensors"), ErrorKind::BadFile, "tensor 'a': expected in");
  EXPECT_ERROR(open_with_shard("m-3.safetensors"), ErrorKind::BadFile, "m-3.safetensors");
  EXPECT_ERROR(open(R"({"weight_map":{"a":1}})"), ErrorKind::BadFile, "expected a file name, got number");
  EXPECT_ERROR(open(R"({"weight_map":{}})"), ErrorKind::BadFile, "got an empty one");
  EXPECT_ERROR(open(R"({"weight_map":[1]})"), ErrorKind::BadFile, "got array");
  EXPECT_ERROR(open("{}"), ErrorKind::BadFile, "got nothing");
  EXPECT_ERROR(open("[]"), ErrorKind::BadFile, "got nothing");
  EXPECT_ERROR(open("{"), ErrorKind::BadFile, "m.safetensors.index.json");
  EXPECT_ERROR(open(R"({"weight_map":{"a":"m-1.safetensors","a":"m-2.safetensors"}})"), ErrorKind::BadFile, "twice");
}

TEST(OpenWeights, ReadsShardsThatAreAllThereWithoutAnIndex) {
  const TemporaryFolder folder;
  const auto put = [&](const char* file, const char* key) {
    put_file(folder / file,
             safetensors_bytes(fmt::format(R"({{"{}":{{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}}})", key), "x"));
  };
  put("m-00002-of-00002.safetensors", "b");
  EXPECT_ERROR(open_weights(folder.path()), ErrorKind::BadFile, "expected 'm-00001-of-00002.safetensors' beside it");
  put("m-00001-of-00002.safetensors", "a");
  for (const auto& path :
       {folder.path(), folder / "m-00001-of-00002.safetensors", folder / "m-00002-of-00002.safetensors"})
    EXPECT_THAT(open_weights(path).keys(), ElementsAre("a", "b"));
  put("m-00001-of-00002.safetensors", "b");
  EXPECT_ERROR(open_weights(folder.path()), ErrorKind::BadFile, "tensor 'b': expected once");
  put("m-00001-of-00001.safetensors", "alone");
  EXPECT_THAT(open_weights(folder / "m-00001-of-00001.safetensors").keys(), ElementsAre("alone"));
}

TEST(OpenWeights, AShardsNameHasAPlaceAndACount) {
  EXPECT_EQ(shard_name("model-00002-of-00003.safetensors")->base, "model");
  EXPECT_EQ(shard_name("model-00002-of-00003.safetensors")->number, 2);
  EXPECT_EQ(shard_name("model-00002-of-00003.gguf")->ending, ".gguf");
  for (const char* other :
       {"model.safetensors", "model-00004-of-00003.safetensors", "model-00000-of-00003.safetensors",
        "model-0002-of-00003.safetensors", "model-00002-of-00003.txt", "-00001-of-00001.safetensors"})
    EXPECT_FALSE(shard_name(other)) << other;
}

}  // namespace
}  // namespace newbie
