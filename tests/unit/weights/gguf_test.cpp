// The container: every case of tests/data/gguf (files others write, one rule broken in each of `bad`).
#include "weights/formats/gguf.h"

#include <gtest/gtest.h>

#include "core/files.h"
#include "core/json.h"
#include "unit/core/expect_error.h"
#include "unit/core/temporary_folder.h"
#include "unit/weights/file_bytes.h"
#include "unit/weights/gguf_bytes.h"
#include "weights/open_weights.h"
#include "weights/sha256.h"

namespace newbie {
namespace {

constexpr size_t kLimit = size_t{1} << 20;

std::filesystem::path cases() { return std::filesystem::path(NEWBIE_SOURCE_DIR) / "tests/data/gguf"; }

// Of the values as f32.
std::string hash_of_values(const FileTensor& tensor) {
  std::vector<float> values(static_cast<size_t>(tensor.spec().shape.elements()));
  tensor.read(0, values);
  Sha256 hash;
  hash.add(std::as_bytes(std::span(values)));
  return hash.hex();
}

TEST(Gguf, OddContainersAreReadAndHoldTheirValues) {
  const Json what = parse_json(read_file(cases() / "odd/what.json", kLimit), "what.json");
  const Json& hashes = what.at("sha256_f32");
  for (const auto& item : what.at("files").items()) {
    const OpenedWeights files = open_weights(cases() / "odd" / (item.key() + ".gguf"));
    size_t known = 0;
    for (const FileTensor& tensor : files.tensors) {
      if (!hashes.contains(tensor.key())) continue;
      ++known;
      EXPECT_EQ(hash_of_values(tensor), hashes.at(tensor.key()).get<std::string>()) << item.key() << tensor.key();
    }
    EXPECT_GE(known, 2U) << item.key();
  }
}

TEST(Gguf, EveryBrokenFileIsRefusedByNameAtOnce) {
  const Json what = parse_json(read_file(cases() / "bad/what.json", kLimit), "what.json");
  size_t refused = 0;
  for (const auto& item : what.items()) {
    const std::string name = item.key();
    if (name.starts_with("other_") && name != "other_vocab_only") continue;  // whole files: of models not ours
    const std::filesystem::path path = cases() / "bad" / (name + ".gguf");
    if (!std::filesystem::exists(path)) continue;  // the two large ones are made below
    try {
      open_weights(path);
      ADD_FAILURE() << name << " was accepted: " << item.value();
    } catch (const Error& error) {
      EXPECT_TRUE(error.kind() == ErrorKind::BadFile || error.kind() == ErrorKind::Unsupported) << name;
      EXPECT_TRUE(error.message().starts_with(path.string())) << error.message();
      ++refused;
    }
  }
  EXPECT_GT(refused, 60U);
}

void expect_refused(const std::string& file, ErrorKind kind, const char* because) {
  EXPECT_ERROR(parse_gguf_header(std::as_bytes(std::span(file)), "x.gguf"), kind, because);
}

TEST(Gguf, MessagesNameTheThing) {
  const auto refused = [](const char* name, ErrorKind kind, const char* because) {
    EXPECT_ERROR(open_weights(cases() / "bad" / (std::string(name) + ".gguf")), kind, because);
  };
  refused("tensor_type_iq1_s", ErrorKind::Unsupported, "type IQ1_S is not read");
  refused("tensor_type_4", ErrorKind::Unsupported, "Q4_2");
  refused("tensor_type_99", ErrorKind::Unsupported, "type 99");
  refused("version_1", ErrorKind::Unsupported, "got 1");
  refused("big_endian", ErrorKind::Unsupported, "big-endian");
  refused("wrong_magic_ggjt", ErrorKind::Unsupported, "GGJT");
  refused("lfs_pointer", ErrorKind::BadFile, "Git LFS pointer");
  refused("split_first_of_2_alone", ErrorKind::Unsupported, "shard 1 of 2");
  refused("gemma_count_is_string", ErrorKind::BadFile, "key 'gemma3.block_count': expected a whole number, got text");
  refused("gemma_tokens_are_numbers", ErrorKind::BadFile, "key 'tokenizer.ggml.tokens': expected an array of texts");
  refused("gemma_scores_shorter", ErrorKind::BadFile, "key 'tokenizer.ggml.scores': expected one for each of");
  refused("orig_shape_wrong_product", ErrorKind::BadFile, "comfy.gguf.orig_shape.");
  refused("cut_in_data", ErrorKind::BadFile, "to end within");
  refused("tensors_overlap_partly", ErrorKind::BadFile, "expected to begin behind");
  refused("alignment_24", ErrorKind::BadFile, "expected a power of two");
}

TEST(Gguf, NestedArraysDoNotRecurseWithoutEnd) {
  std::string value;
  for (int i = 0; i < 20'000; ++i) value += gguf_number(9, 4) + gguf_number(1, 8);
  const std::string file =
      gguf_begin(1, 1) + gguf_text("k") + gguf_number(9, 4) + value + gguf_number(4, 4) + gguf_number(0, 8);
  expect_refused(file, ErrorKind::BadFile, "nested at most 4 deep");
}

TEST(Gguf, NamesHaveALimit) {
  const std::string info = gguf_text(std::string(65536, 'n')) + gguf_number(1, 4) + gguf_number(8, 8) +
                           gguf_number(0, 4) + gguf_number(0, 8);
  expect_refused(gguf_begin(1, 0) + info, ErrorKind::BadFile, "a name of 1 to 1024 bytes");
}

TEST(Gguf, IsToldByItsFirstBytesWhateverItsName) {
  const TemporaryFolder folder;
  std::filesystem::copy_file(cases() / "odd/version_2.gguf", folder / "model.safetensors");
  EXPECT_EQ(open_weights(folder / "model.safetensors").tensors.size(), 3U);
  put_file(folder / "x.gguf", safetensors_bytes("{}"));
  EXPECT_ERROR(open_weights(folder / "x.gguf"), ErrorKind::BadFile, "expected a file that begins with GGUF");
}

// One f32 of a name, and what a shard says of its place.
std::string shard_bytes(const char* tensor, float value, uint64_t place, uint64_t count) {
  const auto u16 = [](const char* key, uint64_t number) {
    return gguf_text(key) + gguf_number(2, 4) + gguf_number(number, 2);
  };
  std::string file = gguf_begin(1, 2) + u16("split.no", place) + u16("split.count", count) + gguf_text(tensor) +
                     gguf_number(1, 4) + gguf_number(1, 8) + gguf_number(0, 4) + gguf_number(0, 8);
  file.resize((file.size() + 31) / 32 * 32, '\0');
  return file + std::string(reinterpret_cast<const char*>(&value), sizeof value);
}

TEST(Gguf, ShardsAreReadTogether) {
  const TemporaryFolder folder;
  put_file(folder / "m-00001-of-00002.gguf", shard_bytes("a", 1.5F, 0, 2));
  EXPECT_ERROR(open_weights(folder / "m-00001-of-00002.gguf"), ErrorKind::BadFile, "'m-00002-of-00002.gguf'");
  put_file(folder / "m-00002-of-00002.gguf", shard_bytes("b", 2.5F, 1, 2));
  for (const std::filesystem::path& path :
       {folder / "m-00001-of-00002.gguf", folder / "m-00002-of-00002.gguf", std::filesystem::path(folder.path())}) {
    const OpenedWeights files = open_weights(path);
    ASSERT_EQ(files.tensors.size(), 2U) << path;
    EXPECT_EQ(files.files.size(), 2U);
    float value = 0;
    files.find("b")->read(0, std::span(&value, 1));
    EXPECT_EQ(value, 2.5F);
  }
  put_file(folder / "m-00002-of-00002.gguf", shard_bytes("b", 2.5F, 0, 2));
  EXPECT_ERROR(open_weights(folder / "m-00001-of-00002.gguf"), ErrorKind::BadFile, "shard 2 of 2, as it is called");
  put_file(folder / "m-00002-of-00002.gguf", shard_bytes("a", 2.5F, 1, 2));
  EXPECT_ERROR(open_weights(folder / "m-00001-of-00002.gguf"), ErrorKind::BadFile, "expected once");
}

TEST(Gguf, KeysKeepTheirKinds) {
  const std::string file = read_file(cases() / "odd/every_value_type.gguf", kLimit);
  const WeightHeader header = parse_gguf_header(std::as_bytes(std::span(file)), "x.gguf");
  EXPECT_EQ(header.metadata.at("general.architecture"), "lumina2");
  EXPECT_GE(header.keys.all().size(), 13U);
  EXPECT_ERROR(header.keys.number("general.architecture", "x.gguf"), ErrorKind::BadFile,
               "x.gguf: key 'general.architecture': expected a number, got text");
  EXPECT_FALSE(header.keys.number("no.such.key", "x.gguf"));
}

}  // namespace
}  // namespace newbie
